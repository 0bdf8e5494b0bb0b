import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { type Answer, type Ask, ask } from '../../real/ask.ts'
import { stack } from '../../real/stack.ts'

const execute = promisify(execFile)

export type Visibility = 'private' | 'shared' | 'community' | 'public'

/** Changes of images, asked for at one address: a Glance, or a proxy before it. Each is an error unless it is granted. */
export type ImageChanges = ReturnType<typeof imageChangesAt>

/**
 * One change at a time, and tried again: with SQLite behind it, Glance fails with a 500 where two of them meet, and
 * another suite may be changing something too.
 */
const oneByOne = pLimit(1)
const attempts = 20
const changing = (url: string, options: Ask): Promise<Answer> =>
  oneByOne(async () => {
    for (let attempt = 1; ; attempt++) {
      const answer = await ask(url, options)
      if (answer.status !== 500 || attempt === attempts) return answer
    }
  })

export function imageChangesAt(url: string) {
  const change = async (path: string, options: Ask): Promise<void> => {
    const { status, body } = await changing(`${url}/v2/images${path}`, options)
    if (status >= 300) throw new Error(`${options.method} ${path} answered ${status}: ${body}`)
  }
  return {
    /** A record without data, with an id of the caller's choice: Glance lets every user choose one. */
    create: (token: string, id: string, visibility: Visibility) =>
      change('', {
        method: 'POST',
        token,
        json: { id, name: `authority-${id}`, disk_format: 'raw', container_format: 'bare', visibility },
      }),
    upload: (token: string, id: string, body: Buffer) =>
      change(`/${id}/file`, { method: 'PUT', token, headers: { 'content-type': 'application/octet-stream' }, body }),
    set: (token: string, id: string, name: 'visibility' | 'os_hidden' | 'protected', value: string | boolean) =>
      change(`/${id}`, {
        method: 'PATCH',
        token,
        headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
        body: JSON.stringify([{ op: 'replace', path: `/${name}`, value }]),
      }),
    /** `member` is a project. */
    addMember: (token: string, id: string, member: string) =>
      change(`/${id}/members`, { method: 'POST', token, json: { member } }),
    /** Only somebody of the project can. */
    answerMembership: (token: string, id: string, member: string, status: string) =>
      change(`/${id}/members/${member}`, { method: 'PUT', token, json: { status } }),
    removeMember: (token: string, id: string, member: string) =>
      change(`/${id}/members/${member}`, { method: 'DELETE', token }),
    /** Only an admin may. */
    deactivate: (token: string, id: string) => change(`/${id}/actions/deactivate`, { method: 'POST', token }),
    delete: (token: string, id: string) => change(`/${id}`, { method: 'DELETE', token }),
    /** Deletes an admin's or anybody's image, whatever has become of it. */
    async clear(token: string, id: string) {
      const { status } = await changing(`${url}/v2/images/${id}`, { method: 'DELETE', token })
      if (status !== 403) return
      await this.set(token, id, 'protected', false)
      await this.delete(token, id)
    },
  }
}

/** What an operator runs now and then: rows of deleted images go, and their ids are free for anybody again. */
export async function purgeDeleted(): Promise<void> {
  const all = ['--age_in_days', '0', '--max_rows', '-1']
  for (const what of ['purge', 'purge_images_table']) {
    const args = ['--config-file', join(stack.dir, 'glance/glance.conf'), 'db', what, ...all]
    const purge = () => oneByOne(() => execute('glance-manage', args, { timeout: 120_000 }))
    // It may meet a change, too.
    await purge().catch(purge).catch(purge)
  }
}
