import { type Begin, readToWorker, type ToPrimary } from './messages.ts'
import type { Notice, Place } from './place.ts'

/** In a worker: the way to its primary, and through it to the other workers. */
export interface PrimaryChannel {
  /** What this worker is to be. */
  readonly begin: Promise<Begin>
  /** Resolves when the primary wants it to end. */
  readonly end: Promise<void>
  ask: Place['ask']
  onNotice: Place['onNotice']
  ready(facts: Readonly<Record<string, unknown>>): void
  /** Resolves when the primary has it. */
  failed(message: string): Promise<void>
}

export function openPrimaryChannel(): PrimaryChannel {
  const begin = Promise.withResolvers<Begin>()
  const end = Promise.withResolvers<void>()
  const calls = new Map<number, (answers: readonly unknown[]) => void>()
  let lastCall = 0
  let handle: (notice: Notice) => unknown = () => undefined

  async function answer(call: number, notice: Notice): Promise<void> {
    // One that cannot be answered is answered all the same: the asker must not wait for it.
    const given = await (async () => handle(notice))().catch(() => undefined)
    await send({ kind: 'answer', call, answer: given })
  }

  process.on('message', (message: unknown) => {
    const said = readToWorker(message)
    switch (said?.kind) {
      case 'begin':
        return begin.resolve(said.begin)
      case 'end':
        return end.resolve()
      case 'asked':
        return void answer(said.call, said.notice)
      case 'answers':
        calls.get(said.call)?.(said.answers)
        calls.delete(said.call)
    }
  })
  void send({ kind: 'hello' })

  return {
    begin: begin.promise,
    end: end.promise,
    // Without a primary there are no answers, and no worker either: Node ends it.
    ask(notice) {
      lastCall++
      const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
      calls.set(lastCall, resolve)
      void send({ kind: 'ask', call: lastCall, notice })
      return promise
    },
    onNotice(next) {
      handle = next
    },
    ready: (facts) => void send({ kind: 'ready', facts }),
    failed: (message) => send({ kind: 'failed', message }),
  }
}

function send(message: ToPrimary): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (process.send === undefined || !process.connected) resolve()
  else process.send(message, undefined, undefined, () => resolve())
  return promise
}
