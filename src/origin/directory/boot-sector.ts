/** Bytes of a disk's first sector. */
export const bootSectorBytes = 512

/** Where a BIOS puts it in memory. */
const loadAddress = 0x7c00

/**
 * A boot sector that prints a text on the screen and stops there: 16-bit x86 code, as short as the text allows. Its
 * partition table is empty.
 */
export function bootSector(text: string): Buffer {
  const code = (message: number) =>
    Buffer.from([
      ...[0xfa], //                                cli
      ...[0x31, 0xc0], //                          xor  ax, ax
      ...[0x8e, 0xd8], //                          mov  ds, ax
      ...[0x8e, 0xd0], //                          mov  ss, ax
      ...[0xbc, ...word(loadAddress)], //          mov  sp, 0x7c00
      ...[0xfb], //                                sti
      ...[0xfc], //                                cld
      ...[0xbe, ...word(message)], //              mov  si, message
      ...[0xac], //                         next:  lodsb
      ...[0x84, 0xc0], //                          test al, al
      ...[0x74, 0x09], //                          jz   stop
      ...[0xb4, 0x0e], //                          mov  ah, 0x0e     ; write one character and go on
      ...[0xbb, 0x07, 0x00], //                    mov  bx, 7        ; page 0, grey
      ...[0xcd, 0x10], //                          int  0x10
      ...[0xeb, 0xf2], //                          jmp  next
      ...[0xf4], //                         stop:  hlt
      ...[0xeb, 0xfd], //                          jmp  stop
    ])
  const sector = Buffer.alloc(bootSectorBytes)
  const length = code(0).copy(sector)
  code(loadAddress + length).copy(sector)
  // 446 bytes belong to the code, the table follows; a zero ends the text.
  sector.write(text, length, 445 - length, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

const word = (value: number): [low: number, high: number] => [value & 0xff, value >> 8]
