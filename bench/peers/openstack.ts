import { openAsBlob } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../images.ts'

export const glanceUrl = 'http://127.0.0.1:9292'
/** The same Glance with its own cache. */
export const cachingGlanceUrl = 'http://127.0.0.1:9293'

/** A real Keystone and Glance that hold the run's images under the same ids as the store. */
export interface OpenStack extends AsyncDisposable {
  readonly token: string
  /** Where its files are: `images` has its store, `cache` the cache of the second Glance. */
  readonly dir: string
  /** The main process of one of the two Glances, by the name that its pid file has. */
  pidOf(name: 'glance' | 'glance-cached'): Promise<number>
}

/** Logs in as `dir/openrc` says and uploads the images. Disposing deletes them again. */
export async function openStack(dir: string, images: readonly Image[]): Promise<OpenStack> {
  const token = await logIn(await readOpenrc(dir))
  for (const image of images) await upload(image, token)
  return {
    token,
    dir,
    async pidOf(name) {
      const pid = Number(await readFile(join(dir, `${name}.pid`), 'utf8'))
      // Signal 0 only asks whether the process is there; throws ESRCH if not.
      process.kill(pid, 0)
      return pid
    },
    async [Symbol.asyncDispose]() {
      // Through the caching Glance, so that its copy goes too.
      for (const { id } of images) await request(`${cachingGlanceUrl}/v2/images/${id}`, { method: 'DELETE', token })
    },
  }
}

type Ask = Readonly<{ method?: string; token?: string; type?: string; body?: string | Blob }>

/** Rejects unless the answer is a success. */
export async function request(url: string, { method = 'GET', token, type, body }: Ask): Promise<Response> {
  const headers = new Headers()
  if (token !== undefined) headers.set('x-auth-token', token)
  if (type !== undefined) headers.set('content-type', type)
  const response = await fetch(url, { method, headers, body: body ?? null })
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`)
  return response
}

async function readOpenrc(dir: string): Promise<(name: string) => string> {
  const text = await readFile(join(dir, 'openrc'), 'utf8').catch((error: unknown) => {
    throw new Error(`no OpenStack in ${dir} (BENCH_STACK names the directory that has its openrc)`, { cause: error })
  })
  return (name) => {
    const value = new RegExp(`\\b${name}=(\\S+)`).exec(text)?.[1]
    if (value === undefined) throw new Error(`${dir}/openrc does not set ${name}`)
    return value
  }
}

/** A token by password, scoped to the project (Identity API v3). */
async function logIn(setting: (name: string) => string): Promise<string> {
  const user = {
    name: setting('OS_USERNAME'),
    password: setting('OS_PASSWORD'),
    domain: { id: setting('OS_USER_DOMAIN_ID') },
  }
  const project = { name: setting('OS_PROJECT_NAME'), domain: { id: setting('OS_PROJECT_DOMAIN_ID') } }
  const auth = { identity: { methods: ['password'], password: { user } }, scope: { project } }
  const url = `${setting('OS_AUTH_URL')}/auth/tokens`
  const response = await request(url, { method: 'POST', type: 'application/json', body: JSON.stringify({ auth }) })
  const token = response.headers.get('x-subject-token')
  if (token === null) throw new Error(`${url} gave no token`)
  return token
}

async function upload(image: Image, token: string): Promise<void> {
  const record = { id: image.id, name: `bench ${image.label}`, disk_format: 'raw', container_format: 'bare' }
  const body = JSON.stringify(record)
  await request(`${glanceUrl}/v2/images`, { method: 'POST', token, type: 'application/json', body })
  const bytes = await openAsBlob(image.path)
  const url = `${glanceUrl}/v2/images/${image.id}/file`
  await request(url, { method: 'PUT', token, type: 'application/octet-stream', body: bytes })
}
