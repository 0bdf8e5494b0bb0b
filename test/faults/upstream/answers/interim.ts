import type { Fault } from './fault.ts'
import { whole } from './fault.ts'

const before = (name: string, interim: string, effect: Fault['effect'] = 'harmless'): Fault => ({
  name,
  effect,
  script: (right) => [interim, whole(right)],
})

const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
const processing = 'HTTP/1.1 102 Processing\r\n\r\n'

/** Answers before the answer (RFC 9110 15.2). */
export const interim: readonly Fault[] = [
  before('a 102 before the answer', processing),
  before('a 103 before the answer', hints),
  before('100 of 103 before the answer', hints.repeat(100)),
  before('a 199 before the answer', 'HTTP/1.1 199 What\r\n\r\n'),
  before('a 103 with Content-Length before the answer', 'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n'),
  before('a 100 that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\n', 'unheard'),
  before('5 000 of 100', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(5000), 'unheard'),
  before('5 000 of 102', processing.repeat(5000), 'garbled'),
  before('5 000 of 103', hints.repeat(5000), 'garbled'),
  before(
    'a 101 that nobody asked for',
    'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    'unheard',
  ),
  before('a 101 without Upgrade', 'HTTP/1.1 101 Switching\r\n\r\n', 'garbled'),
]
