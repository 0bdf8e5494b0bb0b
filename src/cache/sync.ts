import { constants, open } from '../disk/disk.ts'

/** Makes a rename in this directory survive a power loss. */
export const syncDirectory = (path: string): Promise<void> => sync(path, constants.O_DIRECTORY)

/** Makes what is known of this file survive one, its attributes and times too. */
export const syncFile = (path: string): Promise<void> => sync(path, constants.O_NOFOLLOW)

async function sync(path: string, flags: number): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | flags)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
