import { deepEqual } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CachingGlance, startCachingGlance } from './caching-glance.ts'
import { type Ended, type RunOptions, runCommand } from './command.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { filePath } from './images.ts'
import { driver, type RunningProxy, startProxy } from './proxy.ts'

/** A command line for one server. */
type Command = (url: URL) => readonly [command: string, ...args: string[]]

/** The program under test and Glance with its own cache: same images, same users, same driver. */
export interface Both extends AsyncDisposable {
  readonly glance: CachingGlance
  readonly proxy: RunningProxy
  /** Runs a client against both and shows that it prints the same and ends the same. Gives what it did before ours. */
  same(command: Command, options?: RunOptions): Promise<Ended>
  /** Downloads an image through both and waits until both have it. */
  download(id: string, token: string): Promise<void>
  /** Names in both cache directories, or in one of their places; what they are not for is left out. */
  names(place?: 'queue' | 'incomplete' | 'invalid'): Promise<string[][]>
}

export async function startBoth(): Promise<Both> {
  const running = new AsyncDisposableStack()
  const [glance, proxy] = await Promise.all([startCachingGlance(), startProxy()])
  running.use(glance)
  running.use(proxy)
  const urls = [new URL(glance.url), new URL(proxy.url)] as const
  return {
    glance,
    proxy,
    async same(command, options) {
      const run = (url: URL) => {
        const [name, ...args] = command(url)
        return runCommand(name, args, options)
      }
      const [theirs, ours] = await Promise.all([run(urls[0]), run(urls[1])])
      const what = command(urls[1]).join(' ')
      deepEqual(neutral(ours, urls[1]), neutral(theirs, urls[0]), `${what}: as it does with Glance`)
      return ours
    },
    async download(id, token) {
      for (const { url, cacheDir } of [glance, proxy]) {
        await download(url + filePath(id), { token })
        await eventually(`image ${id} in the cache of ${url}`, 20, async () => existsSync(join(cacheDir, id)))
      }
    },
    names: (place) => Promise.all([glance, proxy].map(({ cacheDir }) => imageNames(join(cacheDir, place ?? '')))),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Names that are image ids. */
export async function imageNames(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort()
}

/** Addresses, request ids and times differ; with the times the width of a table's column, too. */
function neutral({ status, stdout, stderr }: Ended, { port }: URL) {
  const lines = (text: string) =>
    inOrder(text)
      .replaceAll(`127.0.0.1:${port}`, '{host}')
      .replace(/req-[0-9a-f-]{36}/g, '{request}')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?/g, '{time}')
      .replace(/(?<=in )[\d.]+(?= sec)/g, '{seconds}')
      .replace(/^[+-]+$/gm, '{rule}')
      .replace(/ +/g, ' ')
      .split('\n')
  return { status, stdout: lines(stdout), stderr: lines(stderr) }
}

/** Glance's xattr driver lists images as the directory has them, ours by id: rows of a table, or members of JSON. */
function inOrder(text: string): string {
  if (driver !== 'xattr') return text
  const rows = text.split('\n').filter(isRow).sort()
  return text
    .replace(/^.*$/gm, (line) => (isRow(line) ? (rows.shift() ?? line) : line))
    .replace(/(?<="cached_images": \[).*?(?=\])/g, (images) =>
      images
        .split(/(?<=\}), /)
        .sort(byId)
        .join(', '),
    )
}

const byId = (one: string, other: string) => (idIn(one) < idIn(other) ? -1 : 1)
const idIn = (image: string) => /"image_id": "([^"]+)"/.exec(image)?.[1] ?? ''
const isRow = (line: string) => /^\| [0-9a-f]{8}-/.test(line)
