import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { basename } from 'node:path'
import { ways } from './send-ways.ts'

// One server of bench/micro/send.ts, in a process of its own: PORT, FILE, and the name of the way to send it.

const [, , port, path = '', name = ''] = process.argv
const way = ways[name]?.()
if (way === undefined) throw new Error(`no way to send is called "${name}"`)

createServer(async (incoming, outgoing) => {
  if (incoming.url !== `/${basename(path)}`) {
    outgoing.writeHead(404).end()
    return
  }
  const file = await open(path)
  try {
    const { size } = await file.stat()
    outgoing.writeHead(200, { 'Content-Length': String(size) })
    await way(outgoing, file.fd, size, path)
  } finally {
    await file.close()
  }
}).listen(Number(port), '127.0.0.1')
