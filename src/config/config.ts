import type { Kind } from './kinds.ts'
import type { CamelCase } from './option-names.ts'
import type { optionTable } from './options.ts'

type Table = typeof optionTable

type ValueOf<O> = O extends { kind: Kind<infer T> } ? (O extends { default: unknown } ? T : T | undefined) : never

type GroupOf<Options> = { readonly [Name in keyof Options & string as CamelCase<Name>]: ValueOf<Options[Name]> }

/**
 * What the program was told, complete and deeply frozen: `config.default.imageCacheDir`, `config.origin.url`. Derived
 * from the option table. Sizes are bytes, times are seconds, paths are absolute, what is unset is undefined.
 */
export type Config = {
  readonly [Name in keyof Table & string as CamelCase<Lowercase<Name>>]: GroupOf<Table[Name]['options']>
}
