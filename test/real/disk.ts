import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'

/** What a failing disk does: another byte in the middle of the file, and nothing else, its times included. */
export async function spoil(path: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-spoil-'))
  const times = join(dir, 'times')
  await writeFile(times, '')
  await touch(path, times)
  const file = await open(path, 'r+')
  try {
    const middle = Math.floor((await file.stat()).size / 2)
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, middle)
    await file.write(Buffer.of(byte.readUInt8() ^ 0xff), 0, 1, middle)
    await file.sync()
  } finally {
    await file.close()
  }
  await touch(times, path)
  await rm(dir, { recursive: true })
}

/** Node's own utimes is not exact to the nanosecond. */
async function touch(from: string, to: string): Promise<void> {
  const { status, stderr } = await runCommand('touch', ['-r', from, to])
  if (status !== 0) throw new Error(stderr)
}
