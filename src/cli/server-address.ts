import type { Arguments } from './arguments.ts'
import { UsageError } from './errors.ts'

/** The server whose cache is meant. `host` is its name in messages. */
export type ServerAddress = Readonly<{ url: string; host: string }>

/** Throws a UsageError. */
export function readServerAddress(arguments_: Arguments): ServerAddress {
  const url = arguments_.given('url')
  if (url !== undefined) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '') {
      throw new UsageError(`argument --url: invalid URL: '${url}': expected http://host[:port] or https://…`)
    }
    // Endpoints are often written down with the version behind them.
    return { url: url.replace(/\/+$/, '').replace(/\/v2$/, ''), host: parsed.hostname }
  }
  const port = arguments_.given('port') ?? '9292'
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(`argument -p/--port: invalid int value: '${port}'`)
  }
  const host = arguments_.given('host') ?? '127.0.0.1'
  // Glance's own default: as an address to connect to it means this machine.
  const address = host === '0.0.0.0' ? '127.0.0.1' : host.replace(/^([^[].*:.*)$/, '[$1]')
  const whole = `${arguments_.has('https') ? 'https' : 'http'}://${address}:${port}`
  if (!URL.canParse(whole) || new URL(whole).pathname !== '/') {
    throw new UsageError(`argument -H/--host: invalid address: '${host}' (a whole URL is given with --url)`)
  }
  return { url: whole, host }
}
