import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { promisify } from 'node:util'

const memoryFileSystems = ['tmpfs', 'ramfs', 'devtmpfs']

/** File system type and device that hold `dir`, e.g. `ext4 on /dev/sda1`. Refuses one in memory: it would flatter misses. */
export async function diskOf(dir: string): Promise<string> {
  const path = await realpath(dir)
  // proc(5), mountinfo: field 5 is the mount point; after the separating hyphen come the type and the device.
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .trim()
    .split('\n')
    .map((line) => {
      const [place = '', source = ''] = line.split(' - ')
      const [type = '', device = ''] = source.split(' ')
      return { point: place.split(' ')[4] ?? '', type, device }
    })
    .filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`))
  // Of two mounts on one point the later hides the earlier.
  const mount = mounts.reduce((best, next) => (next.point.length >= best.point.length ? next : best))
  if (memoryFileSystems.includes(mount.type)) {
    throw new Error(`${dir} lies in memory (${mount.type}): give a directory on a disk with --dir`)
  }
  return `${mount.type} on ${mount.device}`
}

/** Waits until what earlier measurements have written is on the disk, so that nobody pays for another's writes. */
export async function settleDisk(dir: string): Promise<void> {
  await promisify(execFile)('sync', ['--file-system', dir])
}

/** Drops the files from the page cache, and nothing else. They have to be on the disk (settleDisk): unwritten pages stay. */
export async function dropFromMemory(paths: readonly string[]): Promise<void> {
  // posix_fadvise(POSIX_FADV_DONTNEED) on the whole file, in the one program that has it everywhere: coreutils.
  for (const path of paths) {
    await promisify(execFile)('dd', [`if=${path}`, 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none'])
  }
}
