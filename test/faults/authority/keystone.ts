import { mustAsk, textAt } from '../../real/ask.ts'
import { tokenOf } from '../../real/keystone.ts'
import { stack } from '../../real/stack.ts'
import { noteSecret } from './tokens.ts'

/** A user of this run alone, with one role in one project. */
export type Person = Readonly<{ id: string; name: string; password: string; projectId: string }>

export interface Directory extends AsyncDisposable {
  createProject(name?: string): Promise<string>
  /** `role`: one that Keystone itself has made. */
  createPerson(projectId: string, role: 'reader' | 'member' | 'admin'): Promise<Person>
  disableUser(id: string): Promise<void>
  disableProject(id: string): Promise<void>
}

const domain = { id: 'default' }

/** Users and projects in Keystone that nobody else has, gone at the end. */
export async function openDirectory(): Promise<Directory> {
  const token = noteSecret(await tokenOf('admin'))
  const url = (path: string) => `${stack.keystoneUrl}/${path}`
  const made: string[] = []
  const create = async (path: string, kind: string, json: Record<string, unknown>) => {
    const id = textAt(await mustAsk(url(path), { method: 'POST', token, json: { [kind]: json } }), kind, 'id')
    made.push(`${path}/${id}`)
    return id
  }
  const disable = (path: string, kind: string) =>
    mustAsk(url(path), { method: 'PATCH', token, json: { [kind]: { enabled: false } } })
  const roles = new Map<string, Promise<string>>()
  const roleIdOf = (name: string) => {
    const asked =
      roles.get(name) ?? mustAsk(url(`roles?name=${name}`), { token }).then((a) => textAt(a, 'roles', '0', 'id'))
    roles.set(name, asked)
    return asked
  }
  const unique = () => `authority-${crypto.randomUUID()}`
  return {
    createProject: (name = unique()) => create('projects', 'project', { name, domain_id: domain.id }),
    async createPerson(projectId, role) {
      const name = unique()
      const password = noteSecret(`password-${crypto.randomUUID()}`)
      const id = await create('users', 'user', { name, password, domain_id: domain.id })
      const roleId = await roleIdOf(role)
      await mustAsk(url(`projects/${projectId}/users/${id}/roles/${roleId}`), { method: 'PUT', token })
      return { id, name, password, projectId }
    },
    disableUser: async (id) => void (await disable(`users/${id}`, 'user')),
    disableProject: async (id) => void (await disable(`projects/${id}`, 'project')),
    async [Symbol.asyncDispose]() {
      for (const path of made.reverse()) await mustAsk(url(path), { method: 'DELETE', token })
    },
  }
}

/** A new token of the person, for his project. */
export async function tokenFor(person: Person, keystoneUrl: string = stack.keystoneUrl): Promise<string> {
  const user = { id: person.id, password: person.password }
  const scope = { project: { id: person.projectId } }
  const json = { auth: { identity: { methods: ['password'], password: { user } }, scope } }
  const { headers } = await mustAsk(`${keystoneUrl}/auth/tokens`, { method: 'POST', json })
  const token = headers['x-subject-token']
  if (typeof token !== 'string') throw new Error(`${keystoneUrl} gave ${person.name} no token`)
  return noteSecret(token)
}
