import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'

/** Questions to the person at the terminal, or to the file on stdin. */
export interface Questioner extends Disposable {
  /** True for `y` or `yes`. Rejects at the end of the input: what nobody confirmed must not look done to a script. */
  confirm(question: string): Promise<boolean>
}

/** stdin is not touched before the first question. */
export function openQuestioner(input: Readable, write: (text: string) => void): Questioner {
  let lines: Interface | undefined
  let answers: AsyncIterator<string> | undefined
  return {
    async confirm(question) {
      lines ??= createInterface({ input, terminal: false })
      answers ??= lines[Symbol.asyncIterator]()
      write(`${question} [y/N] `)
      const answer = await answers.next()
      if (answer.done === true) {
        // Nobody has ended the line.
        write('\n')
        throw new Error('EOF when reading a line')
      }
      return /^(y|yes)$/i.test(answer.value)
    },
    [Symbol.dispose]() {
      lines?.close()
      // A terminal that is still read from would keep the program alive.
      if (lines !== undefined) input.destroy()
    },
  }
}
