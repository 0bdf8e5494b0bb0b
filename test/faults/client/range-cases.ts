/** What RFC 9110 says to fields of a download: the whole, a part, or none of it. `relayed`: the store's word counts. */
export type RangeCase = Readonly<{
  fault: string
  fields: string
  wanted: 'whole' | 'relayed' | 'not modified' | 'failed' | 'unsatisfiable' | readonly [start: number, end: number]
}>

const hundreds = (spec: (index: number) => string) => Array.from({ length: 500 }, (_, index) => spec(index)).join(',')
const range = (value: string) => `Range: ${value}\r\n`
const tags = (count: number) =>
  Array.from({ length: count }, (_, index) => `"${String(index).padStart(30, '0')}"`).join(', ')

/** For an image of `size` bytes with this entity tag. */
export const rangeCases = (size: number, etag: string): readonly RangeCase[] => [
  {
    fault: 'five hundred ranges',
    fields: range(`bytes=${hundreds((index) => `${index}-${index}`)}`),
    wanted: 'relayed',
  },
  {
    fault: 'five hundred ranges, each over all the others',
    fields: range(`bytes=${hundreds((index) => `${index}-`)}`),
    wanted: 'relayed',
  },
  { fault: 'the whole five hundred times', fields: range(`bytes=${hundreds(() => '0-')}`), wanted: 'relayed' },
  {
    fault: 'five hundred ranges beyond the end',
    fields: range(`bytes=${hundreds((index) => `${size + index}-`)}`),
    wanted: 'relayed',
  },
  { fault: 'ten thousand commas', fields: range(`bytes=${','.repeat(10_000)}`), wanted: 'whole' },
  {
    fault: 'one range among ten thousand commas',
    fields: range(`bytes=${','.repeat(5000)}3-5${','.repeat(5000)}`),
    wanted: [3, 6],
  },
  { fault: 'two Range fields', fields: range('bytes=0-1') + range('bytes=2-3'), wanted: 'whole' },
  { fault: 'numbers beyond 2^64', fields: range('bytes=1-18446744073709551617'), wanted: [1, size] },
  { fault: 'a beginning beyond 2^64', fields: range('bytes=18446744073709551616-'), wanted: 'unsatisfiable' },
  {
    fault: 'a beginning of fifty thousand digits',
    fields: range(`bytes=${'9'.repeat(50_000)}-`),
    wanted: 'unsatisfiable',
  },
  {
    fault: 'zeros by the thousand',
    fields: range(`bytes=${'0'.repeat(20_000)}7-${'0'.repeat(20_000)}9`),
    wanted: [7, 10],
  },
  { fault: 'the last 2^70 bytes', fields: range('bytes=-1180591620717411303424'), wanted: [0, size] },
  { fault: 'the last none', fields: range('bytes=-0'), wanted: 'unsatisfiable' },
  { fault: 'the end before the beginning', fields: range('bytes=5-4'), wanted: 'whole' },
  { fault: 'a sign', fields: range('bytes=+1-2'), wanted: 'whole' },
  { fault: 'two signs', fields: range('bytes=--1'), wanted: 'whole' },
  { fault: 'hexadecimal', fields: range('bytes=0x0-0x5'), wanted: 'whole' },
  { fault: 'a fraction', fields: range('bytes=0.0-1.5'), wanted: 'whole' },
  { fault: 'another unit', fields: range('seconds=0-1'), wanted: 'whole' },
  { fault: 'a blank before the equals sign', fields: range('bytes =0-1'), wanted: 'whole' },
  { fault: 'bytes above 127', fields: range('bytes=\xb2-\xb3'), wanted: 'whole' },
  { fault: 'nothing behind the unit', fields: range('bytes='), wanted: 'whole' },
  { fault: 'If-Range that is not ours', fields: `${range('bytes=0-1')}If-Range: "x"\r\n`, wanted: 'whole' },
  { fault: 'If-Range with a weak tag', fields: `${range('bytes=0-1')}If-Range: W/${etag}\r\n`, wanted: 'whole' },
  { fault: 'If-Range with a list', fields: `${range('bytes=0-1')}If-Range: "x", ${etag}\r\n`, wanted: 'whole' },
  {
    fault: 'If-Range of fifty thousand bytes',
    fields: `${range('bytes=0-1')}If-Range: "${'x'.repeat(50_000)}"\r\n`,
    wanted: 'whole',
  },
  {
    fault: 'If-Range with a date',
    fields: `${range('bytes=0-1')}If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n`,
    wanted: 'whole',
  },
  { fault: 'If-Range that is ours', fields: `${range('bytes=0-1')}If-Range: ${etag}\r\n`, wanted: [0, 2] },
  {
    fault: 'If-None-Match, ours the last of 1500',
    fields: `If-None-Match: ${tags(1500)}, ${etag}\r\n`,
    wanted: 'not modified',
  },
  { fault: 'If-None-Match of 1500 others', fields: `If-None-Match: ${tags(1500)}\r\n`, wanted: 'whole' },
  { fault: 'If-None-Match with a quote that is not closed', fields: `If-None-Match: ${etag}, "x\r\n`, wanted: 'whole' },
  {
    fault: 'If-None-Match: sixty thousand commas',
    fields: `If-None-Match: ${','.repeat(60_000)}\r\n`,
    wanted: 'whole',
  },
  {
    fault: 'If-None-Match: sixty thousand quotes',
    fields: `If-None-Match: ${'"'.repeat(60_000)}\r\n`,
    wanted: 'whole',
  },
  { fault: 'If-Match of 1500 others', fields: `If-Match: ${tags(1500)}\r\n`, wanted: 'failed' },
  {
    fault: 'If-Match in two fields, ours in the second',
    fields: `If-Match: "x"\r\nIf-Match: ${etag}\r\n`,
    wanted: 'whole',
  },
  { fault: 'If-Match that breaks the grammar', fields: `If-Match: ${etag} ${etag}\r\n`, wanted: 'failed' },
  { fault: 'If-Match before If-None-Match', fields: `If-Match: "x"\r\nIf-None-Match: ${etag}\r\n`, wanted: 'failed' },
  {
    fault: 'If-None-Match before a range',
    fields: `If-None-Match: *\r\n${range('bytes=0-1')}`,
    wanted: 'not modified',
  },
]
