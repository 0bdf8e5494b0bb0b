import type { Caller, Origin } from '../origin/origin.ts'
import type { OwnCaller } from './own-caller.ts'

type Answer = Readonly<{ kind: string; status?: number }>

/** The image store, asked once more with a new token when it refuses the cache's own. Clients' requests are as before. */
export function renewingOrigin(origin: Origin, own: OwnCaller): Origin {
  async function twice<T extends Answer>(caller: Caller, ask: (caller: Caller) => Promise<T>): Promise<T> {
    const answer = await ask(caller)
    if (answer.kind !== 'refusal' || answer.status !== 401) return answer
    // Without a new token the store's answer is what there is to say.
    const other = await own.instead(caller).catch(() => undefined)
    return other === undefined ? answer : ask(other)
  }
  return {
    type: origin.type,
    ask: (id, caller, signal) => twice(caller, (by) => origin.ask(id, by, signal)),
    describe: (id, caller, signal) => twice(caller, (by) => origin.describe(id, by, signal)),
    download: (id, caller, range, signal) => twice(caller, (by) => origin.download(id, by, range, signal)),
    lacksRanges: (id) => origin.lacksRanges(id),
    read: (target, caller, signal) => origin.read(target, caller, signal),
    relay: (incoming, outgoing, options) => origin.relay(incoming, outgoing, options),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  }
}
