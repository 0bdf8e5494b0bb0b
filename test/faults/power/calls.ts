/** One system call of a traced process, as strace wrote it down. */
export type Call = Readonly<{
  name: string
  /** As strace prints them: strings in quotes, every byte as `\xNN`. */
  args: readonly string[]
  result: number
  /** Places in the order of everything that happened: when it was made, and when it returned. */
  start: number
  end: number
  /** When it was made, Unix ms. */
  time: number
}>

/**
 * Reads what `strace -f -ttt -xx -o` wrote. Places begin at `from`, one for each line. A call that never returned ends
 * at infinity: whatever it did may or may not have happened.
 */
export function readCalls(trace: string, from: number): Call[] {
  const begun = new Map<string, Readonly<{ text: string; start: number; time: number }>>()
  const calls: Call[] = []
  for (const [index, line] of trace.split('\n').entries()) {
    const [, pid = '', seconds = '', said = ''] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? []
    const here = { start: from + index, time: Number(seconds) * 1000 }
    const unfinished = said.endsWith(' <unfinished ...>')
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said)
    if (unfinished) begun.set(pid, { ...here, text: said.slice(0, -' <unfinished ...>'.length) })
    else if (resumed === null) calls.push(...callOf(said, here.start, { ...here }))
    else {
      const first = begun.get(pid)
      begun.delete(pid)
      if (first !== undefined) calls.push(...callOf(`${first.text}${resumed[1]}`, from + index, first))
    }
  }
  for (const { text, start, time } of begun.values()) {
    const [, name = '', args = ''] = /^(\w+)\((.*)$/.exec(text) ?? []
    calls.push({ name, args: args.split(', '), result: Number.NaN, start, end: Number.POSITIVE_INFINITY, time })
  }
  return calls.sort((a, b) => a.end - b.end || a.start - b.start)
}

/** None for what is no call: a signal, an exit. */
function callOf(text: string, end: number, { start, time }: Readonly<{ start: number; time: number }>): Call[] {
  const [, name, args = '', result] = /^(\w+)\((.*)\)\s+= (-?\d+|\?)/.exec(text) ?? []
  if (name === undefined) return []
  return [{ name, args: args.split(', '), result: result === '?' ? Number.NaN : Number(result), start, end, time }]
}

/** The bytes of a string that strace printed; throws when it printed only the beginning. */
export function bytesOf(printed: string | undefined): Buffer {
  const [, hex, more] = /^"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?$/.exec(printed ?? '') ?? []
  if (hex === undefined || more !== undefined) throw new Error(`not a whole string: ${printed?.slice(0, 60)}`)
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex')
}

/** undefined for what is no string (NULL). */
export const textOf = (printed: string | undefined): string | undefined =>
  printed?.startsWith('"') ? bytesOf(printed).toString() : undefined
