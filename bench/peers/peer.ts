import type { IncomingHttpHeaders } from 'node:http'
import type { Target } from '../client/target.ts'
import type { Image } from '../images.ts'
import type { ImageStore, Site } from '../site.ts'

/** A running server under test. */
export interface Peer {
  /** The process whose own and whose descendants' use of processor and memory is counted. */
  readonly pid: number
  /** The store behind it, where that is one which counts what it sends. */
  readonly upstream: Pick<ImageStore, 'sentBytes'> | undefined
  target(image: Image): Target
  /** Makes sure that the next download of the image finds nothing cached. Nothing to do where nothing is ever cached. */
  cold(image: Image): Promise<void>
  /** The files that hold its copy of an image, where dropping them from the page cache makes the next download one from the disk. */
  stored?(image: Image): Promise<readonly string[]>
  /** Afterimage alone. */
  readonly afterimage?: AfterimageAccess
  /** Whether a download with these response headers came from the server's own disk, so that hits are hits. */
  isHit(headers: IncomingHttpHeaders): boolean
  /** Ends it and everything it has put anywhere but in the site's directory. */
  stop(): Promise<void>
}

/** What the bench asks an Afterimage besides images. */
export type AfterimageAccess = Readonly<{
  cacheDir: string
  configFile: string
  /** The operator's listener. */
  operatorUrl: string
}>

/** A kind of server that can be put beside the others. */
export type PeerKind = Readonly<{
  /** Its name in the tables. */
  name: string
  /** Rejects, with the reason that the report then gives, when it cannot run here. */
  start(site: Site): Promise<Peer>
}>
