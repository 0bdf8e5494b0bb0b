import { execFile } from 'node:child_process'
import { isAbsolute } from 'node:path'
import { ImageUnacceptable } from './inspect/image-bytes.ts'

/** What one run of qemu-img may take. Cinder's `image_conversion_cpu_limit` and `_address_space_limit`; ours hold for convert too. */
export type QemuLimits = Readonly<{
  /** Processor seconds. */
  cpuSeconds: number
  /** Bytes. */
  addressSpace: number
  /** By the clock. */
  timeoutMs: number
}>

/** qemu-img's own names of formats. */
export type QemuFormat = 'raw' | 'qcow2' | 'vmdk' | 'vpc'

export type QemuInfo = Readonly<{
  format: string
  /** Bytes of the disk. */
  virtualSize: number
  /** Bytes on disk. */
  actualSize: number
  /** As the image names it; undefined without one. */
  backingFile: string | undefined
}>

/** It could not be run, ran into a limit, or failed: `message` says which, with qemu-img's own words. */
export class QemuFailed extends Error {
  readonly code = 'QEMU_FAILED'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'QemuFailed'
  }
}

export interface QemuImg {
  /** Reads the file as `format`, never as what it looks like. Rejects with a QemuFailed. */
  info(path: string, format: QemuFormat, signal?: AbortSignal): Promise<QemuInfo>
  /** Writes the whole disk of `from` to a new file; zeros become holes. Rejects with a QemuFailed; `to` is the caller's to remove. */
  convert(from: QemuFile, to: QemuFile, signal?: AbortSignal): Promise<void>
  /** A new qcow2 that reads from `base` what was not written to it. `size`: bytes of its disk. */
  createOverlay(path: string, base: QemuFile, size: number): Promise<void>
  /** Grows the disk; rejects with a QemuFailed where it would shrink. */
  resize(file: QemuFile, size: number): Promise<void>
}

export type QemuFile = Readonly<{ path: string; format: QemuFormat }>

/** `prlimit` and `qemu-img` are looked for on the PATH. */
export function openQemuImg(limits: QemuLimits): QemuImg {
  const run = (args: readonly string[], signal?: AbortSignal) => runLimited(limits, args, signal)
  return {
    async info(path, format, signal) {
      const text = await run(['info', '--output=json', '--force-share', '-f', format, checked(path)], signal)
      return parseInfo(text)
    },
    async convert(from, to, signal) {
      const args = ['convert', '-q', '-f', from.format, '-O', to.format, checked(from.path), checked(to.path)]
      await run(args, signal)
    },
    async createOverlay(path, base, size) {
      const backing = ['-b', checked(base.path), '-F', base.format]
      await run(['create', '-q', '-f', 'qcow2', ...backing, checked(path), `${size}`])
    },
    async resize({ path, format }, size) {
      await run(['resize', '-q', '-f', format, checked(path), `${size}`])
    },
  }
}

/** qemu-img takes other names for options, protocols, or descriptions of block devices (`json:`). */
function checked(path: string): string {
  if (!isAbsolute(path)) throw new QemuFailed(`${path} is no absolute path`)
  return path
}

function runLimited(limits: QemuLimits, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { cpuSeconds, addressSpace, timeoutMs } = limits
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  execFile(
    'prlimit',
    [`--cpu=${cpuSeconds}`, `--as=${addressSpace}`, '--core=0', '--', 'qemu-img', ...args],
    {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 20,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      ...(signal === undefined ? {} : { signal }),
    },
    (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new QemuFailed(`qemu-img ${args[0]}: ${reasonOf(error, stderr, limits)}`, { cause: error }))
    },
  )
  return promise
}

function reasonOf(
  error: Error & { killed?: boolean; signal?: string | null; code?: unknown },
  stderr: string,
  limits: QemuLimits,
): string {
  if (error.code === 'ENOENT') return 'prlimit (Debian package util-linux) is not installed'
  if (error.name === 'AbortError') return 'stopped'
  if (error.killed === true) return `took longer than ${limits.timeoutMs} ms`
  if (error.signal === 'SIGXCPU' || error.signal === 'SIGKILL')
    return `took more than ${limits.cpuSeconds} s of the processor`
  const words = stderr.trim().split('\n').slice(0, 3).join('; ')
  if (/failed to execute qemu-img: No such file/i.test(words))
    return 'qemu-img (Debian package qemu-utils) is not installed'
  return words === '' ? `ended with ${error.signal ?? `status ${error.code}`}` : words
}

function parseInfo(text: string): QemuInfo {
  const found: unknown = JSON.parse(text)
  if (typeof found !== 'object' || found === null) throw new QemuFailed('qemu-img info gives no object')
  const fields = new Map<string, unknown>(Object.entries(found))
  const [format, virtualSize, actualSize] = ['format', 'virtual-size', 'actual-size'].map((name) => fields.get(name))
  if (typeof format !== 'string' || typeof virtualSize !== 'number') {
    throw new QemuFailed('qemu-img info gives neither format nor size')
  }
  if (!Number.isSafeInteger(virtualSize))
    throw new ImageUnacceptable(`a virtual size of ${virtualSize} bytes is beyond all reason`)
  const backing = fields.get('backing-filename')
  return {
    format,
    virtualSize,
    actualSize: typeof actualSize === 'number' ? actualSize : 0,
    backingFile: typeof backing === 'string' ? backing : undefined,
  }
}
