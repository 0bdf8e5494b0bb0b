import { connect } from 'node:net'
import { deadline } from '../../support/deadline.ts'

/** What came back on a connection that has ended. */
export type RawExchange = Readonly<{ bytes: Buffer; broke: string | undefined }>

/** Sends bytes (latin1) as they are, on a connection of their own, and takes everything until the server ends it. */
export async function rawExchange(url: string, sent: string | Buffer, label: string): Promise<RawExchange> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const pieces: Buffer[] = []
  let broke: string | undefined
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  const closed = Promise.withResolvers<void>()
  socket.on('error', (error: NodeJS.ErrnoException) => {
    broke = error.code
  })
  socket.on('close', () => closed.resolve())
  socket.write(typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent)
  try {
    await deadline(closed.promise, label)
  } finally {
    socket.destroy()
  }
  return { bytes: Buffer.concat(pieces), broke }
}
