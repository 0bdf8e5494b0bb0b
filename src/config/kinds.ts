import { isIP } from 'node:net'
import { resolve } from 'node:path'

/** What a value may be. Every kind prints by `String(value)` in a form that `parse` reads again. */
export interface Kind<T> {
  /** oslo.config's word for it, where it has one; shown in --help and in the documents. */
  readonly name: string
  /** Completes "expected …" in an error. */
  readonly accepts: string
  /** Undefined when `text` is none of it. Never takes the empty string. Relative paths are relative to `cwd`. */
  parse(text: string, cwd: string): T | undefined
}

type Bounds = Readonly<{ min?: number; max?: number }>

/** One line of text without control characters. */
export const string: Kind<string> = { name: 'string', accepts: 'one line of text', parse: oneLine }

/** Two forms are refused that a typing error makes of an address: a port behind it, and digits that are no address. */
export const host: Kind<string> = {
  name: 'host address',
  accepts: 'an IP address or a host name, without a port',
  parse: (text) => {
    const name = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i
    return isIP(text) > 0 || (name.test(text) && !/(^|\.)\d+$/.test(text)) ? text : undefined
  },
}

/** Python's `int()` without its underscores; only numbers that JavaScript holds exactly. */
export function integer(bounds: Bounds): Kind<number> {
  return {
    name: 'integer',
    accepts: `an integer${range(bounds)}`,
    parse: (text) => {
      const value = /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : Number.NaN
      return Number.isSafeInteger(value) && within(value, bounds) ? value : undefined
    },
  }
}

export function float(bounds: Bounds): Kind<number> {
  return {
    name: 'float',
    accepts: `a number${range(bounds)}`,
    parse: (text) => {
      const value = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : Number.NaN
      return Number.isFinite(value) && within(value, bounds) ? value : undefined
    },
  }
}

/** 0 lets the system choose a free port. */
export const port: Kind<number> = {
  ...integer({ min: 0, max: 65535 }),
  name: 'port',
  accepts: 'a port number from 0 to 65535',
}

/** oslo.config's words, in any case. */
export const boolean: Kind<boolean> = {
  name: 'boolean',
  accepts: 'true, false, yes, no, on, off, 1 or 0',
  parse: (text) => {
    const word = text.trim().toLowerCase()
    if (['true', 'yes', 'on', '1'].includes(word)) return true
    return ['false', 'no', 'off', '0'].includes(word) ? false : undefined
  },
}

/** Bytes. KB and MB are not taken: some read 1000 there and some 1024. */
export const size: Kind<number> = {
  name: 'size',
  accepts: 'a number of bytes, or one with K, M, G or T (or KiB, MiB, GiB, TiB) behind it',
  parse: (text) => {
    const [, digits, unit] = /^\s*(\d+)(?:\s*([KMGT])(?:iB)?)?\s*$/i.exec(text) ?? []
    if (digits === undefined) return undefined
    const value = Number(digits) * 1024 ** (unit === undefined ? 0 : 'KMGT'.indexOf(unit.toUpperCase()) + 1)
    return Number.isSafeInteger(value) ? value : undefined
  },
}

/** One of some lower-case words, given in any case (Glance's `image_cache_driver` ignores case). */
export function choice<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    name: 'choice',
    accepts: `one of ${words.join(', ')}`,
    parse: (text) => words.find((word) => word === text.trim().toLowerCase()),
  }
}

/** Separated by commas, spaces around each dropped. */
export const list: Kind<readonly string[]> = {
  name: 'list',
  accepts: 'values separated by commas',
  parse: (text) => {
    const items = text.split(',').map((item) => item.trim())
    return items.every((item) => oneLine(item) !== undefined) ? Object.freeze(items) : undefined
  },
}

/** Normalized, and without slashes at its end, so that a path can be put behind it. */
export const url: Kind<string> = {
  name: 'URL',
  accepts: 'an http or https URL without user, query or fragment, such as http://glance.example.org:9292',
  parse: (text) => {
    const parsed = /^https?:\/\//i.test(text) ? URL.parse(text) : null
    const plain = parsed !== null && !parsed.username && !parsed.password && !/[?#\p{Cc}]/u.test(text)
    return plain ? parsed.href.replace(/\/+$/, '') : undefined
  },
}

/** Made absolute. */
export const path: Kind<string> = {
  name: 'path',
  accepts: 'a path of a file or directory',
  parse: (text, cwd) => (oneLine(text) === undefined ? undefined : resolve(cwd, text)),
}

function oneLine(text: string): string | undefined {
  return text !== '' && !/\p{Cc}/u.test(text) ? text : undefined
}

function within(value: number, { min = -Infinity, max = Infinity }: Bounds): boolean {
  return value >= min && value <= max
}

function range({ min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return `, at least ${min}`
  return max === undefined ? '' : `, at most ${max}`
}
