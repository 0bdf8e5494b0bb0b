import { homedir } from 'node:os'
import type { Arguments, Environment } from './arguments.ts'
import { type AuthName, authNames } from './auth-fields.ts'
import { readCloud } from './clouds-yaml.ts'
import type { OptionKey } from './options.ts'
import { type Who, whoAsks } from './who.ts'

/** Who asks, and whom is trusted. */
export type Access = Readonly<{ who: Who; cafile: string | undefined; insecure: boolean }>

/**
 * From the options, the cloud that is named, and the environment. A cloud replaces the environment as a whole, so that
 * its user never meets another one's password. Throws a CommandFailed.
 */
export function readAccess(arguments_: Arguments, env: Environment, cwd: string): Access {
  const name = arguments_.value('os-cloud')
  const cloud = name === undefined ? undefined : readCloud(name, { env, cwd, home: env.HOME ?? homedir() })
  const fields: Partial<Record<AuthName, string>> = { ...cloud?.auth }
  const from = (key: OptionKey) => (cloud === undefined ? arguments_.value(key) : arguments_.given(key))
  for (const field of authNames) {
    const value = from(optionOf(field))
    if (value !== undefined && value !== '') fields[field] = value
  }
  return {
    who: whoAsks(fields, from('os-auth-strategy')),
    cafile: arguments_.given('os-cacert') ?? cloud?.cacert ?? arguments_.value('os-cacert'),
    insecure: arguments_.has('insecure') || cloud?.verify === false,
  }
}

const optionOf = (field: AuthName): OptionKey => `os-${dashed(field)}`

type Dashed<Text extends string> = Text extends `${infer Left}_${infer Right}` ? `${Left}-${Dashed<Right>}` : Text

/** The compiler checks with this that each field has its option. */
function dashed<Name extends string>(name: Name): Dashed<Name> {
  return name.replaceAll('_', '-') as Dashed<Name>
}
