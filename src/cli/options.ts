/** One option of the program. Every long name is also taken with underscores for its inner hyphens, as Glance's was. */
export type ToolOption = Readonly<{
  key: string
  short?: string
  long: string
  /** Further long names, not shown in the help. */
  aliases?: readonly string[]
  /** What stands for its value in the help; without one it is a switch. */
  value?: string
  /** May be given several times; all of them count. Otherwise the last one does. */
  many?: boolean
  /** Environment variables to look at, the first that is set (and not empty) wins. */
  env?: readonly string[]
  help: string
}>

/** The options of afterimage-cache-manage: Glance's (short names, environment variables, defaults) and ours. */
export const toolOptions = [
  { key: 'help', short: 'h', long: 'help', help: 'Show this help and exit.' },
  { key: 'verbose', short: 'v', long: 'verbose', help: 'Say what was done, and how long it took.' },
  {
    key: 'debug',
    short: 'd',
    long: 'debug',
    help: 'Show every request on stderr, and where in the program it failed. Never a password or a token.',
  },
  {
    key: 'host',
    short: 'H',
    long: 'host',
    value: 'ADDRESS',
    help: 'Address of the image API whose cache is meant (default: 127.0.0.1; 0.0.0.0 is this machine, too).',
  },
  { key: 'port', short: 'p', long: 'port', value: 'PORT', help: 'Port of the image API (default: 9292).' },
  {
    key: 'url',
    long: 'url',
    value: 'URL',
    help: 'URL of the image API, instead of host and port: http://host:port/path or https://…',
  },
  { key: 'https', long: 'https', help: 'Speak https to host and port.' },
  {
    key: 'insecure',
    short: 'k',
    long: 'insecure',
    help: "Do not check the servers' certificates (https). Anybody on the way may then read the password.",
  },
  {
    key: 'os-cacert',
    long: 'os-cacert',
    value: 'FILE',
    env: ['OS_CACERT'],
    help: "PEM file of the authorities that sign the servers' certificates. Defaults to env[OS_CACERT].",
  },
  { key: 'force', short: 'f', long: 'force', help: 'Do not ask before something is changed.' },
  { key: 'json', long: 'json', help: 'JSON on stdout, nothing else; questions and errors go to stderr.' },
  {
    key: 'long',
    short: 'l',
    long: 'long',
    help: 'list-cached, list-queued: with what only Afterimage knows (pins, digests proven, retries and their reasons).',
  },
  auth('token', { short: 'A', aliases: ['auth_token'], env: ['OS_AUTH_TOKEN', 'OS_TOKEN'], value: 'OS_AUTH_TOKEN' }),
  auth('username', { short: 'I', env: ['OS_USERNAME', 'OS_AUTH_USER'] }),
  auth('user-id'),
  auth('password', { short: 'K', env: ['OS_PASSWORD', 'OS_AUTH_KEY'] }),
  auth('region-name', { short: 'R' }),
  auth('project-id', { env: ['OS_PROJECT_ID', 'OS_TENANT_ID'] }),
  auth('project-name', { short: 'T', env: ['OS_PROJECT_NAME', 'OS_AUTH_PROJECT', 'OS_TENANT_NAME'] }),
  auth('user-domain-id'),
  auth('user-domain-name'),
  auth('project-domain-id'),
  auth('project-domain-name'),
  auth('domain-id'),
  auth('auth-url', { short: 'N' }),
  auth('auth-type'),
  auth('application-credential-id'),
  auth('application-credential-name'),
  auth('application-credential-secret'),
  {
    key: 'os-auth-strategy',
    short: 'S',
    long: 'os-auth-strategy',
    value: 'STRATEGY',
    env: ['OS_AUTH_STRATEGY'],
    help: 'Authentication strategy: keystone, or noauth to ask without Keystone. Defaults to env[OS_AUTH_STRATEGY].',
  },
  {
    key: 'os-cloud',
    long: 'os-cloud',
    value: 'NAME',
    env: ['OS_CLOUD'],
    help: 'A cloud of clouds.yaml; options win over it, it wins over the environment. Defaults to env[OS_CLOUD].',
  },
  { key: 'from', long: 'from', value: 'DRIVER', help: 'migrate: the metadata driver to take from: sqlite or xattr.' },
  { key: 'to', long: 'to', value: 'DRIVER', help: 'migrate: the metadata driver to give to: sqlite or xattr.' },
  {
    key: 'config-file',
    long: 'config-file',
    value: 'FILE',
    many: true,
    help: "migrate: the server's configuration, as afterimage-api takes it; may be repeated.",
  },
  {
    key: 'config-dir',
    long: 'config-dir',
    value: 'DIR',
    many: true,
    help: 'migrate: a directory of configuration files; may be repeated.',
  },
  { key: 'version', long: 'version', help: "Show the program's version and exit." },
] as const satisfies readonly ToolOption[]

export type OptionKey = (typeof toolOptions)[number]['key']

/** An option that says who asks: `--os-NAME`, `OS_NAME`. */
function auth<const Name extends string>(
  name: Name,
  more: Readonly<{ short?: string; aliases?: readonly string[]; env?: readonly string[]; value?: string }> = {},
) {
  const long = name === 'token' ? 'os-auth-token' : `os-${name}`
  const variable = long.replaceAll('-', '_').toUpperCase()
  const { env = [variable] } = more
  return { value: variable, ...more, key: `os-${name}` as const, long, env, help: `Defaults to env[${env[0]}].` }
}
