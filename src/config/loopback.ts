/** Whether only this machine reaches a listener on this address. */
export const isLoopback = (address: string): boolean =>
  address === '::1' || address.toLowerCase() === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(address)
