/** A different, canonical id for every number. */
export const imageId = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
