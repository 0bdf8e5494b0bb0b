import { type Ended, type RunOptions, runCommand } from './command.ts'

/** Another host: a network namespace, and a cable between it and us. Needs root. */
export interface OtherHost extends AsyncDisposable {
  /** Our address on the cable. */
  readonly here: string
  /** Runs a program over there. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Ended>
}

export async function startOtherHost(): Promise<OtherHost> {
  const name = `afterimage-${process.pid}`
  const [near, far] = [`ai${process.pid}n`, `ai${process.pid}f`]
  // A net of four addresses for each process, in the block for tests of networks (RFC 2544): no real host has one.
  const net = (process.pid % 0x4000) * 4
  const address = (host: number) => `198.18.${net >> 8}.${(net & 0xff) + host}`
  await ip('netns', 'add', name)
  const remove = () => ip('netns', 'del', name)
  try {
    await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name)
    await ip('address', 'add', `${address(1)}/30`, 'dev', near)
    await ip('link', 'set', near, 'up')
    await ip('-n', name, 'address', 'add', `${address(2)}/30`, 'dev', far)
    await ip('-n', name, 'link', 'set', far, 'up')
  } catch (error) {
    await remove()
    throw error
  }
  return {
    here: address(1),
    run: (command, args, options) => runCommand('ip', ['netns', 'exec', name, command, ...args], options),
    // Its end of the cable goes with it, and ours with that.
    [Symbol.asyncDispose]: remove,
  }
}

async function ip(...args: string[]): Promise<void> {
  const { status, stderr } = await runCommand('ip', args)
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}
