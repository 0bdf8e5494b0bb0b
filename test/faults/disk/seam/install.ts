import { replaceDisk } from '../../../../src/disk/disk.ts'
import { brokenDisk } from './broken-disk.ts'
import { breakDrivers } from './broken-drivers.ts'

/** Loaded with `--import` before the program, and so in each of its threads: from now on the disk may break. */
replaceDisk(brokenDisk)
breakDrivers()
