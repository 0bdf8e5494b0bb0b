import type { TestContext } from 'node:test'
import { openGlance } from '../../src/origin/glance/glance.ts'
import {
  type Caller,
  type Download,
  type HeaderList,
  type Origin,
  OriginError,
  type RangeWanted,
} from '../../src/origin/origin.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'

export type Options = Readonly<{
  idleTimeoutMs?: number
  connectTimeoutMs?: number
  answerTimeoutMs?: number
  url?: string
  cafile?: string
  insecure?: boolean
}>

export const nobody: Caller = { headers: [], host: undefined, key: undefined, query: '' }

/** A caller with this token and these further fields. */
export function callerOf(token: string, headers: HeaderList = [], query = ''): Caller {
  return { headers: [['X-Auth-Token', token], ...headers], host: 'images.example:9292', key: token, query }
}

/** The origin in front of a url; it ends with the test. */
export function glanceAt(t: TestContext, url: string, options: Options = {}): Origin {
  const origin = openGlance({ url, insecure: false, connectTimeoutMs: 2000, idleTimeoutMs: 5000, ...options })
  t.after(() => origin[Symbol.asyncDispose]())
  return origin
}

/** A scripted upstream and the origin in front of it. */
export async function scripted(
  t: TestContext,
  options: Options = {},
): Promise<{ up: ScriptedUpstream; glance: Origin }> {
  const up = await startUpstream(t)
  return { up, glance: glanceAt(t, options.url ?? up.url, options) }
}

/** Opens a download that must begin. */
export async function began(glance: Origin, id: string, range?: RangeWanted): Promise<Download> {
  const opened = await glance.download(id, nobody, range)
  if (opened.kind === 'refusal') throw new Error(`refused with ${opened.status}: ${opened.body}`)
  return opened
}

/** The whole body in memory. */
export async function bodyOf(download: Download): Promise<Buffer> {
  const chunks: Buffer[] = []
  await download.deliver((chunk) => {
    chunks.push(Buffer.from(chunk))
  })
  return Buffer.concat(chunks)
}

/** Whether an error is an OriginError of this reason. */
export function because(reason: OriginError['reason']): (error: unknown) => boolean {
  return (error) => error instanceof OriginError && error.reason === reason
}
