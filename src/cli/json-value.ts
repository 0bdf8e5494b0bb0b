import { CommandFailed } from './errors.ts'

/** A member of an object of JSON; undefined when there is none, or no object. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

export function text(value: unknown, name: string): string | undefined {
  const found = member(value, name)
  return typeof found === 'string' ? found : undefined
}

export function number(value: unknown, name: string): number | undefined {
  const found = member(value, name)
  return typeof found === 'number' ? found : undefined
}

/** The list that an answer consists of. Throws a CommandFailed when it holds none: the server is something else. */
export function list(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name)
  if (!Array.isArray(found)) throw new CommandFailed(`The answer has no "${name}": this is no image API with a cache.`)
  return found
}
