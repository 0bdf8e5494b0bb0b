import type { Log } from './events/log.ts'
import { listenOnControlSocket } from './http/control-socket.ts'

/** For the other programs on this machine. The server also serves without: then they do their work by themselves. */
export async function startControlSocket(
  app: Parameters<typeof listenOnControlSocket>[0],
  cacheDir: string,
  log: Log,
): Promise<AsyncDisposable | undefined> {
  try {
    const listener = await listenOnControlSocket(app, cacheDir)
    if (listener === undefined) {
      log.warn('another server on this cache directory has the control socket')
      return undefined
    }
    return { [Symbol.asyncDispose]: () => listener.close(1000) }
  } catch (error) {
    log.error({ error }, 'no control socket')
    return undefined
  }
}
