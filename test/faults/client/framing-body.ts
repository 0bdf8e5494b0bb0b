import { brokenOff, type FramingCase, host, passed, refused } from './framing-case.ts'

const post = (fields: string, body = '', version = '1.1') =>
  `POST /doubtful HTTP/${version}\r\n${host}${fields}\r\n${body}`
const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body)
const smuggled = 'DELETE /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'
const ends = '0\r\n\r\n'
const length = (value: string, body = 'abcde') => post(`Content-Length: ${value}\r\n`, body)
const coding = (value: string, body = ends) => post(`Transfer-Encoding: ${value}\r\n`, body)

const [coded, both, sized, chunks, trailer] = [
  '6.1: Transfer-Encoding',
  '6.3: both lengths',
  '6.2: Content-Length',
  '7.1: chunks',
  '7.1.2: trailer',
]

/** Two servers that disagree on where a body ends are all that request smuggling needs. */
export const framingOfBodies: readonly FramingCase[] = [
  refused(
    both,
    'Content-Length, then chunked',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', ends + smuggled),
  ),
  refused(
    both,
    'chunked, then Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', ends + smuggled),
  ),
  refused(
    both,
    'Content-Length of the chunks',
    post('Content-Length: 15\r\nTransfer-Encoding: chunked\r\n', `5\r\nabcde\r\n${ends}`),
  ),
  refused(
    both,
    'Content-Length and an empty Transfer-Encoding',
    post('Transfer-Encoding:\r\nContent-Length: 5\r\n', 'abcde'),
  ),
  refused(both, 'Content-Length and identity', post('Transfer-Encoding: identity\r\nContent-Length: 5\r\n', 'abcde')),

  refused(sized, 'twice, the same', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'abcde')),
  refused(sized, 'twice, different', post('Content-Length: 5\r\nContent-Length: 46\r\n', `abcde${smuggled}`)),
  refused(sized, 'a list of the same', length('5, 5')),
  refused(sized, 'a list of different ones', length('5, 6')),
  refused(sized, 'a sign', length('+5')),
  refused(sized, 'negative', length('-5')),
  refused(sized, 'a blank inside', length('5 6')),
  refused(sized, 'empty', length('', '')),
  refused(sized, 'hexadecimal', length('0x5')),
  refused(sized, 'with a fraction', length('5.0')),
  refused(sized, 'with an exponent', length('5e0')),
  refused(sized, 'an underscore', length('5_0')),
  refused(sized, 'digits of another script', length('\xd9\xa5')),
  refused(sized, 'a vertical tab before it', length('\x0b5')),
  refused(sized, '2^64', length('18446744073709551616')),
  refused(sized, '2^64 + 5', length('18446744073709551621')),
  refused(sized, 'a thousand digits', length('9'.repeat(1000))),
  refused(sized, '2^64 - 1', length('18446744073709551615'), 413),
  refused(sized, '2^53 + 1', length('9007199254740993'), 413),
  passed(sized, 'leading zeros', length('0005'), { body: 'abcde', fields: { 'content-length': '5' } }),
  passed(sized, 'blanks around it', length(' \t5\t '), { body: 'abcde', fields: { 'content-length': '5' } }),
  passed(sized, 'of a GET', `GET /doubtful HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`, { body: 'abcde' }),
  passed(sized, 'spelt with an underscore', post('Content_Length: 99\r\nContent-Length: 5\r\n', 'abcde'), {
    body: 'abcde',
  }),

  refused(coded, 'an unknown coding', coding('gzip', smuggled), 501),
  refused(coded, 'identity', coding('identity', smuggled), 501),
  refused(coded, 'an unknown one before chunked', coding('gzip, chunked'), 501),
  refused(
    coded,
    'identity in a line before chunked',
    post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', ends),
    501,
  ),
  refused(
    coded,
    'gzip in a line before chunked',
    post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', ends),
    501,
  ),
  refused(coded, 'an empty element before chunked', coding(',chunked'), 501),
  refused(coded, 'chunked not last', coding('chunked, gzip')),
  refused(coded, 'chunked twice', coding('chunked, chunked')),
  refused(coded, 'chunked in two lines', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', ends)),
  refused(
    coded,
    'identity in a line after chunked',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', ends),
  ),
  refused(coded, 'a comma after it', coding('chunked,')),
  refused(coded, 'quoted', coding('"chunked"'), 501),
  refused(coded, 'with a parameter', coding('chunked;q=1'), 501),
  refused(coded, 'a letter before it', coding('xchunked'), 501),
  refused(coded, 'a letter after it', coding('chunkedx'), 501),
  refused(coded, 'a tab behind it', coding('chunked\t')),
  refused(coded, 'a vertical tab before it', coding('\x0bchunked')),
  refused(coded, 'a form feed after it', coding('chunked\x0c')),
  refused(coded, 'NUL after it', coding('chunked\0')),
  refused(coded, 'a no-break space before it', coding('\xa0chunked'), 501),
  refused(coded, 'empty', coding('', smuggled)),
  refused(coded, 'in the next line (obs-fold)', post('Transfer-Encoding:\r\n chunked\r\n', ends)),
  refused(coded, 'a blank before the colon', post('Transfer-Encoding : chunked\r\n', ends)),
  refused(coded, 'in HTTP/1.0', post('Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n', ends, '1.0')),
  refused(
    coded,
    'in HTTP/1.0, with Content-Length',
    post('Connection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n', ends, '1.0'),
  ),
  passed(coded, 'in other letters', post('tRANSFER-eNCODING: ChUnKeD\r\n', `3\r\nabc\r\n${ends}`), { body: 'abc' }),
  passed(coded, 'spelt with an underscore', post('Transfer_Encoding: chunked\r\nContent-Length: 5\r\n', 'abcde'), {
    body: 'abcde',
  }),
  passed(coded, 'of a GET', `GET /doubtful HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${ends}`, {
    body: 'abc',
  }),

  refused(chunks, 'a size with 0x', chunked(`0x3\r\nabc\r\n${ends}`)),
  refused(chunks, 'a size with a sign', chunked(`+3\r\nabc\r\n${ends}`)),
  refused(chunks, 'a negative size', chunked(`-1\r\nabc\r\n${ends}`)),
  refused(chunks, 'a blank before the size', chunked(` 3\r\nabc\r\n${ends}`)),
  refused(chunks, 'a blank after the size', chunked(`3 \r\nabc\r\n${ends}`)),
  refused(chunks, 'a tab after the size', chunked(`3\t\r\nabc\r\n${ends}`)),
  refused(chunks, 'an underscore in the size', chunked(`3_0\r\nabc\r\n${ends}`)),
  refused(chunks, 'no size', chunked(`\r\nabc\r\n${ends}`)),
  refused(chunks, 'a size that is no number', chunked(`g\r\nabc\r\n${ends}`)),
  refused(chunks, 'a size of 2^64 + 3', chunked(`10000000000000003\r\nabc\r\n${ends}`)),
  refused(chunks, 'a size ended by LF', chunked(`3\nabc\r\n${ends}`)),
  refused(chunks, 'a size ended by CR', chunked(`3\rabc\r\n${ends}`)),
  brokenOff(chunks, 'no end after the bytes', chunked(`3\r\nabc0\r\n\r\n`)),
  brokenOff(chunks, 'the bytes ended by LF', chunked(`3\r\nabc\n${ends}`)),
  brokenOff(chunks, 'more bytes than the size', chunked(`3\r\nabcd\r\n${ends}`)),
  brokenOff(chunks, 'the last one ended by LF', chunked('3\r\nabc\r\n0\n\n')),
  refused(chunks, 'an extension ended by LF', chunked(`3;a\nabc\r\n${ends}`)),
  refused(chunks, 'a CR in an extension', chunked(`3;a\rb\r\nabc\r\n${ends}`)),
  refused(chunks, 'NUL in an extension', chunked(`3;a\0\r\nabc\r\n${ends}`)),
  refused(chunks, 'an extension without a name', chunked(`3;\r\nabc\r\n${ends}`)),
  refused(chunks, 'an extension with an open quote', chunked(`3;a="b\r\nabc\r\n${ends}`)),
  refused(chunks, 'an extension of 70 000 bytes', chunked(`3;${'a'.repeat(70_000)}\r\nabc\r\n${ends}`), 413),
  passed(chunks, 'a size with leading zeros', chunked(`${'0'.repeat(40)}3\r\nabc\r\n000\r\n\r\n`), { body: 'abc' }),
  passed(chunks, 'extensions', chunked(`3;a=b;c="d;\\"e"\r\nabc\r\n${ends}`), { body: 'abc' }),

  passed(
    trailer,
    'fields that frame nothing',
    chunked('3\r\nabc\r\n0\r\nX-End: 1\r\nHost: other\r\nX-Auth-Token: t\r\n\r\n'),
    {
      body: 'abc',
      fields: { 'x-end': null, 'x-auth-token': null, host: 'h' },
    },
  ),
  brokenOff(trailer, 'Content-Length', chunked('3\r\nabc\r\n0\r\nContent-Length: 100\r\n\r\n')),
  brokenOff(trailer, 'Transfer-Encoding', chunked('3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n')),
  brokenOff(trailer, 'a blank before the colon', chunked('3\r\nabc\r\n0\r\nX-End : 1\r\n\r\n')),
  brokenOff(trailer, 'a folded line', chunked('3\r\nabc\r\n0\r\nX-End: 1\r\n 2\r\n\r\n')),
  brokenOff(trailer, 'a line ended by LF', chunked('3\r\nabc\r\n0\r\nX-End: 1\n\r\n')),
  brokenOff(trailer, 'a field of 70 000 bytes', chunked(`3\r\nabc\r\n0\r\nX-End: ${'a'.repeat(70_000)}\r\n\r\n`), 431),
  brokenOff(trailer, '5000 fields', chunked(`3\r\nabc\r\n0\r\n${'X-End: 1\r\n'.repeat(5000)}\r\n`), 431),

  refused(
    '9.6: Connection',
    'an expectation that nobody knows',
    post('Expect: something\r\nContent-Length: 3\r\n', 'abc'),
    417,
  ),
]
