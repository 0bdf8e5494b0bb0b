import { readdir, readFile } from 'node:fs/promises'

export type Found = Readonly<{ pid: number; uid: number }>

/** Processes that run `program` with this setting (`NAME=value`) in their environment. */
export async function findProcesses(program: string, setting: string): Promise<Found[]> {
  const found: Found[] = []
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    // Processes come and go while we look.
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    if (!(await read('cmdline')).split('\0').includes(program)) continue
    if (!(await read('environ')).split('\0').includes(setting)) continue
    found.push({ pid: Number(pid), uid: Number(/^Uid:\s+\d+\s+(\d+)/m.exec(await read('status'))?.[1]) })
  }
  return found
}
