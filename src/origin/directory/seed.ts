import { chmod, mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OriginError } from '../origin.ts'
import { demoFileName, demoImage, demoRecord, demoTime } from './demo-image.ts'
import { sidecarSuffix } from './sidecar-file.ts'
import { isAbsent, systemCode } from './system-code.ts'

/**
 * Creates the directory with the demo image in it, unless there is one already, whatever is in it: an operator who
 * deleted the demo image does not get it back. It appears with everything in it or not at all.
 */
export async function seedDirectory(dir: string): Promise<void> {
  if (await isThere(dir)) return
  try {
    await mkdir(dirname(dir), { recursive: true })
    const made = await mkdtemp(join(dirname(dir), `.${basename(dir)}-`))
    try {
      const image = join(made, demoFileName)
      await writeFile(image, demoImage())
      // Long ago, so that nobody has to wait whether it is still being written.
      await utimes(image, demoTime, demoTime)
      await writeFile(image + sidecarSuffix, `${JSON.stringify(demoRecord, undefined, 2)}\n`)
      // mkdtemp makes it private; an image directory is one that others may look into and drop files in.
      await chmod(made, 0o755)
      await putInPlace(made, dir)
    } finally {
      await rm(made, { recursive: true, force: true })
    }
  } catch (error) {
    throw new OriginError('unreachable', `image directory ${dir} cannot be created: ${String(error)}`, { cause: error })
  }
}

async function putInPlace(made: string, dir: string): Promise<void> {
  try {
    await rename(made, dir)
  } catch (error) {
    // Another process was faster.
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  }
}

async function isThere(dir: string): Promise<boolean> {
  try {
    await stat(dir)
    return true
  } catch (error) {
    // Whatever else is wrong with it, opening the directory tells.
    return !isAbsent(error)
  }
}
