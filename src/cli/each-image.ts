import type { Session } from './command.ts'
import { StatusError } from './errors.ts'

export type ImageWork = Readonly<{
  /** Asked before each image; undefined: nothing is asked. */
  question?: (id: string) => string
  /** Resolves with what went wrong with this image alone; undefined when nothing did. */
  work: (id: string) => Promise<string | undefined>
  /** Said with --verbose. */
  done: (id: string) => string
}>

/** Does it with each image named. One that fails does not keep the others from their turn. */
export async function eachImage(session: Session, { question, work, done }: ImageWork): Promise<boolean> {
  let isWell = true
  for (const id of session.ids) {
    if (question !== undefined && !(await session.confirm(question(id)))) {
      if (session.json) session.print(JSON.stringify({ id, done: false }))
      continue
    }
    const failure = await work(id).catch((error: unknown) => {
      // What is no matter of this image would only be repeated with each of them.
      if (session.ids.length === 1 || !isOfOneImage(error)) throw error
      return `${id}: ${error.message}`
    })
    if (session.json) session.print(JSON.stringify({ id, done: failure === undefined, error: failure }))
    if (failure !== undefined) {
      isWell = false
      session.say(failure)
    } else if (session.verbose) session.say(done(id))
  }
  return isWell
}

function isOfOneImage(error: unknown): error is StatusError {
  return error instanceof StatusError && ![401, 403, 404].includes(error.status)
}
