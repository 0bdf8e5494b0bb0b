/** One request that no two servers need to take for the same, and what is to come of it. */
export type FramingCase = Readonly<{
  /** Of RFC 9112: the row's step. */
  clause: string
  fault: string
  /** As it goes out; `/doubtful` is the target. Two harmless requests follow it. */
  bytes: string
  outcome: Refused | Passed
}>

/**
 * Answered with `status` and nothing else (0: with nothing at all); nothing of it reaches the store. `goesOn`: its end
 * is beyond doubt, so those behind it are answered.
 */
export type Refused = Readonly<{
  kind: 'refused'
  status: number
  /** What a request that needs no body is answered, when it is its body that proves broken. */
  before?: number
  goesOn: boolean
}>

/** Reaches the store once, well framed, as this; `answers` are the client's, interim ones too. */
export type Passed = Readonly<{
  kind: 'passed'
  method: string
  target: string
  body: string
  /** Values that the store must see; null: no such field. */
  fields: Readonly<Record<string, string | null>>
  answers: readonly number[]
  /** Those behind it are answered too. */
  goesOn: boolean
}>

export const host = 'Host: h\r\n'

/** By Node's parser or by us, with this connection's end. */
export const refused = (clause: string, fault: string, bytes: string, status = 400): FramingCase => ({
  clause: `RFC 9112 ${clause}`,
  fault,
  bytes,
  outcome: { kind: 'refused', status, goesOn: false },
})

/** The same, where the head is beyond doubt and the body is not. */
export const brokenOff = (clause: string, fault: string, bytes: string, status = 400): FramingCase => ({
  ...refused(clause, fault, bytes, status),
  outcome: { kind: 'refused', status, before: 404, goesOn: false },
})

/** By us; where the request ends is clear. */
export const declined = (clause: string, fault: string, bytes: string, status = 400): FramingCase => ({
  ...refused(clause, fault, bytes, status),
  outcome: { kind: 'refused', status, goesOn: true },
})

export const passed = (
  clause: string,
  fault: string,
  bytes: string,
  expected: Partial<Omit<Passed, 'kind'>> = {},
): FramingCase => ({
  clause: `RFC 9112 ${clause}`,
  fault,
  bytes,
  outcome: {
    kind: 'passed',
    method: bytes.trimStart().split(' ')[0] ?? '',
    target: '/doubtful',
    body: '',
    fields: {},
    answers: [200],
    goesOn: true,
    ...expected,
  },
})
