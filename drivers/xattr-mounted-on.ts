import { readFile, realpath } from 'node:fs/promises'

/**
 * The file system that a directory lies on, for messages: `tmpfs mounted on /run`. Linux says it in
 * /proc/self/mountinfo (proc(5)); elsewhere it stays `its file system`.
 */
export async function mountedOn(dir: string): Promise<string> {
  try {
    const [path, table] = await Promise.all([realpath(dir), readFile('/proc/self/mountinfo', 'utf8')])
    // The longest mount point that contains the path; of several on one point the last one lies on top.
    const found = table.split('\n').reduce<Mount | undefined>((best, line) => {
      const mount = parseMount(line)
      return mount && contains(mount.point, path) && mount.point.length >= (best?.point.length ?? 0) ? mount : best
    }, undefined)
    return found ? `${found.type} mounted on ${found.point}` : unknown
  } catch {
    // Only a name for a message: without it the message is still right.
    return unknown
  }
}

type Mount = Readonly<{ point: string; type: string }>

const unknown = 'its file system'

/** `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/root rw`: any number of fields before the dash. */
function parseMount(line: string): Mount | undefined {
  const [before = '', after = ''] = line.split(' - ')
  const point = before.split(' ')[4]
  const type = after.split(' ')[0]
  if (point === undefined || !type) return undefined
  return { point: point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))), type }
}

const contains = (point: string, path: string): boolean =>
  point === '/' || path === point || path.startsWith(`${point}/`)
