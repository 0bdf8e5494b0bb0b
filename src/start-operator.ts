import {
  createControlApp,
  createOperatorApp,
  type Exposition,
  type OperatorOptions,
} from '../middleware/operator-app.ts'
import type { Config } from './config/config.ts'
import type { Log } from './events/log.ts'
import { listenOrExplain } from './http/listener.ts'
import { startControlSocket } from './start-control-socket.ts'

/** The operator's listener and the control socket: one of each on a cache directory. */
export async function startOperator(
  { default: { imageCacheDir }, management: { bindHost, bindPort } }: Config,
  metrics: Exposition,
  options: OperatorOptions & Readonly<{ cachedImagesApi: boolean }>,
  log: Log,
): Promise<Readonly<{ url: string }> & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const operator = await listenOrExplain(createOperatorApp(metrics, options), { host: bindHost, port: bindPort })
  opened.defer(() => operator.close(1000))
  opened.use(await startControlSocket(createControlApp(options), imageCacheDir, log))
  const whole = opened.move()
  return { url: `http://${operator.host}:${operator.port}`, [Symbol.asyncDispose]: () => whole.disposeAsync() }
}
