import { head, type RightAnswer } from '../right-answer.ts'
import type { Fault } from './fault.ts'

/** The right head with its first line replaced. */
const line = (right: RightAnswer, first: string) => head(right).replace(/^[^\r]*/, first)

/** The right head with more lines at its end. */
const more = (right: RightAnswer, lines: string) => head(right).replace(/\r\n\r\n$/, `\r\n${lines}\r\n\r\n`)

const garbled = (name: string, of: (right: RightAnswer) => string): Fault => ({
  name,
  effect: 'garbled',
  script: (right) => [of(right), right.body, 'stall'],
})

const harmless = (name: string, of: (right: RightAnswer) => string): Fault => ({
  name,
  effect: 'harmless',
  script: (right) => [of(right), right.body],
})

const times = (count: number, lineOf: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => lineOf(index)).join('\r\n')

/** Heads that are none, or odd ones. */
export const heads: readonly Fault[] = [
  garbled('HTTP/0.9: a body without a head', () => ''),
  garbled('the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  garbled('frames of HTTP/2', () => '\0\0\x12\x04\0\0\0\0\0'),
  garbled('an alert of TLS', () => '\x15\x03\x01\x00\x02\x02\x46'),
  garbled('another protocol', () => 'SSH-2.0-OpenSSH_9.2\r\n'),
  garbled('HTTP/3.7', (right) => line(right, 'HTTP/3.7 200 OK')),
  garbled('status 99', (right) => line(right, 'HTTP/1.1 99 Low')),
  garbled('status 000', (right) => line(right, 'HTTP/1.1 000 None')),
  garbled('status 1000', (right) => line(right, 'HTTP/1.1 1000 High')),
  garbled('no status', (right) => line(right, 'HTTP/1.1 OK')),
  garbled('bare LF as ends of lines', (right) => head(right).replaceAll('\r\n', '\n')),
  garbled('bare CR within a field', (right) => more(right, 'X-Odd: a\rb')),
  garbled('NUL in a field', (right) => more(right, 'X-Odd: a\0b')),
  garbled('a space before the colon', (right) => more(right, 'X-Odd : a')),
  garbled('a field without a colon', (right) => more(right, 'X-Odd')),
  garbled('a field without a name', (right) => more(right, ': a')),
  garbled('a field of 100 000 bytes', (right) => more(right, `X-Odd: ${'x'.repeat(100_000)}`)),
  garbled('a name of 100 000 bytes', (right) => more(right, `${'x'.repeat(100_000)}: a`)),
  garbled('10 000 fields', (right) =>
    more(
      right,
      times(10_000, (index) => `X-Odd-${index}: value ${index}`),
    ),
  ),
  garbled('obs-fold', (right) => more(right, 'X-Odd: a\r\n b')),
  harmless('no reason phrase', (right) => line(right, `HTTP/1.1 ${right.status} `)),
  harmless('a reason phrase of 10 000 bytes', (right) => line(right, `HTTP/1.1 ${right.status} ${'x'.repeat(10_000)}`)),
  harmless('HTTP/1.0', (right) => line(right, `HTTP/1.0 ${right.status} OK`)),
  harmless('1 000 fields', (right) =>
    more(
      right,
      times(1000, (index) => `X${index}: ${index}`),
    ),
  ),
  harmless('empty lines before the head', (right) => `\r\n\r\n${head(right)}`),
]
