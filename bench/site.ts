import type { Drain } from './client/drain.ts'
import type { Image } from './images.ts'
import type { OpenStack } from './peers/openstack.ts'

/** What all servers and rows of one run share. */
export type Site = Readonly<{
  /** The run's own directory, on a real disk; removed at the end. */
  dir: string
  quick: boolean
  /** Aborted when the run is to end early. */
  interrupted: AbortSignal
  large: Image
  small: Image
  drain: Drain
  /** nginx as a fast image store: the upstream of the caches that are measured, and itself the static peer. */
  store: ImageStore
  /** A running Keystone and Glance that hold the images; rejects with the reason where there is none. */
  openstack(): Promise<OpenStack>
}>

export type ImageStore = Readonly<{
  pid: number
  port: number
  /** The same images at a limited rate per connection, for fills that have to last. */
  slowPort: number
  /** Body bytes of the large image sent since the start, by finished answers. */
  sentBytes(): Promise<number>
}>

export const downloadPath = (image: Image): string => `/v2/images/${image.id}/file`
