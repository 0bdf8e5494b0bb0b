import type { Drain } from './client/drain.ts'
import type { Image } from './images.ts'
import type { OpenStack } from './peers/openstack.ts'

/** What all servers and rows of one run share. */
export type Site = Readonly<{
  /** The run's own directory, on a real disk; removed at the end. Other users may look into it: a server may change its user. */
  dir: string
  quick: boolean
  /** Aborted when the run is to end early. */
  interrupted: AbortSignal
  images: Images
  drain: Drain
  /** nginx as a fast image store: the upstream of the caches that are measured, and itself the static peer. */
  store: ImageStore
  /** A running Keystone and Glance that hold the large and the small image; rejects with the reason where there is none. */
  openstack(): Promise<OpenStack>
}>

export type Images = Readonly<{
  large: Image
  small: Image
  /** The bytes of the large one under another id: one may be cold while the other is warm. */
  other: Image
  /** A quarter of the large one, from an upstream that gives 100 MB/s to a connection. */
  paced: Image
  /** The bytes of the large one from an upstream so slow that the fill outlasts its slow readers. */
  trickle: Image
  /** Four times the large one, nearly all of it zeros. */
  sparse: Image
}>

export type ImageStore = Readonly<{
  pid: number
  port: number
  /** Body bytes of the images whose downloads are counted (all but the small one) sent since the start, by finished answers. */
  sentBytes(): Promise<number>
}>

export const downloadPath = (image: Image): string => `/v2/images/${image.id}/file`
