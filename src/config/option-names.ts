/** oslo.config's rule: `OS_DEFAULT__BIND_PORT`. */
export function environmentName(group: string, name: string): string {
  return `OS_${group}__${name}`.toUpperCase()
}

/** oslo.config's rule: `--bind-port` in DEFAULT, `--origin-url` elsewhere. */
export function flagName(group: string, name: string): string {
  return `--${group === 'DEFAULT' ? '' : `${group}-`}${name}`.replaceAll('_', '-')
}

/** As a person would look for it in a file: `[origin] url`. */
export function labelOf(option: Readonly<{ group: string; name: string }>): string {
  return `[${option.group}] ${option.name}`
}

/** The name in the configuration object, said for the compiler too. */
export type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S

export function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}
