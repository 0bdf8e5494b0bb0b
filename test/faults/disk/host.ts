import { loadConfig } from '../../../src/config/load-config.ts'
import { type RunningServer, startServer } from '../../../src/start-server.ts'
import { arm, disarm, record, type Target } from './seam/plan.ts'

/**
 * A process that runs the server on a disk that breaks (seam/install.ts is loaded before it), one server after another,
 * told by its parent. A server that cannot start or end is an answer, not an end.
 */
export type HostOrder =
  | Readonly<{ kind: 'start'; argv: readonly string[] }>
  | Readonly<{ kind: 'record' }>
  | Readonly<{ kind: 'arm'; target: Target }>
  | Readonly<{ kind: 'disarm' }>
  | Readonly<{ kind: 'close' }>
export type HostAnswer = Readonly<{ url?: string; operatorUrl?: string; struck?: boolean; failure?: string }>

let server: RunningServer | undefined

async function obey(order: HostOrder): Promise<HostAnswer> {
  switch (order.kind) {
    case 'start': {
      const loaded = loadConfig({ argv: [...order.argv], env: {}, cwd: '/' })
      if (loaded.kind !== 'config') throw new Error('no configuration')
      server = await startServer(loaded)
      return { url: server.url, operatorUrl: server.operatorUrl ?? '' }
    }
    case 'record':
      record()
      return {}
    case 'arm':
      arm(order.target)
      return {}
    case 'disarm':
      return { struck: disarm() }
    case 'close': {
      const ending = server
      server = undefined
      await ending?.close()
      return {}
    }
    default:
      return order satisfies never
  }
}

process.on('message', async (order: HostOrder) => {
  let answer: HostAnswer
  try {
    answer = await obey(order)
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) }
  }
  process.send?.(answer)
})
process.send?.({})
