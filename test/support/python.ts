import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { deadline } from './deadline.ts'

/**
 * Starts a Python program that answers each line of JSON on stdin with one on stdout: `answer` is its source, the body
 * of a function of `request`. `before` runs once. For what only Glance's own language or code can show.
 */
export function startPython(t: TestContext, interpreter: string, before: string, answer: string) {
  const indented = answer.trim().replaceAll('\n', '\n    ')
  const loop =
    'import json, sys\nfor line in sys.stdin:\n    print(json.dumps(answer(json.loads(line)), default=str), flush=True)'
  const source = `${before.trim()}\ndef answer(request):\n    ${indented}\n${loop}`
  const process = spawn(interpreter, ['-c', source], { stdio: ['pipe', 'pipe', 'pipe'] })
  cleanup(t, () => process.kill('SIGKILL'))

  let complaints = ''
  process.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const lines = createInterface(process.stdout)
  const ended = once(process, 'exit').then(() => {
    throw new Error(`${interpreter} ended: ${complaints}`)
  })
  // Only of interest to somebody who asks.
  ended.catch(() => undefined)

  return {
    /** One question at a time. */
    async ask(request: unknown): Promise<unknown> {
      const line = once(lines, 'line')
      process.stdin.write(`${JSON.stringify(request)}\n`)
      const [text] = await deadline(Promise.race([line, ended]), `Python answers ${JSON.stringify(request)}`)
      return JSON.parse(String(text))
    },
  }
}
