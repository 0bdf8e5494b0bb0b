/** What a client needs to download an image. Every server listens on the loopback address. */
export type Target = Readonly<{
  port: number
  /** Request target: the same on every server. */
  path: string
  /** One header line, `X-Auth-Token: …`: every server gets it, whether it looks at it or not. */
  header: string
}>

export const urlOf = (target: Target): string => `http://127.0.0.1:${target.port}${target.path}`
