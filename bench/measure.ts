import { readdir, readFile, writeFile } from 'node:fs/promises'

/** Linux gives process times in USER_HZ, which is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100

/** What a server used while it was measured. */
export type Usage = Readonly<{
  /** User and system time of all its processes and threads. */
  cpuSeconds: number
  /** The greatest resident set of each of its processes, summed. */
  peakRssMiB: number
  /** What they read from the disk, past the page cache or into it. */
  diskReadMiB: number
}>

/** Runs `work` and says what the process `root`, its threads and all its descendants used meanwhile. */
export async function measureUsage<T>(root: number, work: () => Promise<T>): Promise<{ usage: Usage; result: T }> {
  for (const pid of await processTree(root)) await resetPeak(pid)
  const [before, readBefore] = [await cpuSeconds(root), await diskReadMiB(root)]
  const result = await work()
  const usage = {
    cpuSeconds: (await cpuSeconds(root)) - before,
    peakRssMiB: await peakRssMiB(root),
    diskReadMiB: (await diskReadMiB(root)) - readBefore,
  }
  return { usage, result }
}

/** `root` and its descendants, by the parent that /proc names. */
async function processTree(root: number): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = await statFields(Number(name))
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]))
  }
  const tree = [root]
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  }
  return tree
}

/** Times of children that have ended are in their parent's fields, so that the sum never loses any. */
async function cpuSeconds(root: number): Promise<number> {
  let ticks = 0
  for (const pid of await processTree(root)) {
    const fields = (await statFields(pid)) ?? []
    for (const field of fields.slice(11, 15)) ticks += Number(field)
  }
  return ticks / ticksPerSecond
}

/** proc_pid_stat(5) from field 3 (state) on: the name before it may hold spaces and brackets. undefined: it has ended. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readProc(pid, 'stat')
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function peakRssMiB(root: number): Promise<number> {
  let kiB = 0
  for (const pid of await processTree(root)) {
    kiB += Number(/^VmHWM:\s+(\d+) kB/m.exec((await readProc(pid, 'status')) ?? '')?.[1] ?? 0)
  }
  return kiB / 1024
}

async function diskReadMiB(root: number): Promise<number> {
  let bytes = 0
  for (const pid of await processTree(root)) {
    bytes += Number(/^read_bytes: (\d+)$/m.exec((await readProc(pid, 'io')) ?? '')?.[1] ?? 0)
  }
  return bytes / 2 ** 20
}

/** proc_pid_clear_refs(5): 5 sets the peak back to what is resident now. */
async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function readProc(pid: number, file: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'utf8')
  } catch (error) {
    // A process may end between the listing and the reading: ENOENT, or ESRCH once the file is open.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}
