import type { LoadedConfig } from './config/load-config.ts'
import { startServer } from './start-server.ts'
import { openPrimaryChannel } from './workers/primary-channel.ts'

/** One worker, from what its primary tells it to its end. Resolves with the exit code. */
export async function runWorker(onSignal: (end: () => void) => void): Promise<number> {
  const channel = openPrimaryChannel()
  // Everybody in a terminal's or a service's group gets the signal; one worker alone may be ended by it as well.
  const signalled = new Promise<void>((resolve) => onSignal(resolve))
  const { number, count, config, defaults } = await channel.begin
  const loaded: LoadedConfig = {
    kind: 'config',
    config,
    // The primary has told them.
    warnings: [],
    isDefault: (group, name) => defaults.includes(`${group}.${name}`),
  }
  const { ask, onNotice } = channel
  try {
    const server = await startServer(loaded, { number, count, leads: number === 1, ask, onNotice })
    channel.ready(server.facts)
    await Promise.race([channel.end, signalled])
    await server.close()
    return 0
  } catch (error) {
    await channel.failed(error instanceof Error ? error.message : String(error))
    return 1
  }
}
