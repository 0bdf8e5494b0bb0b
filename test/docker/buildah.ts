import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const checkout = join(import.meta.dirname, '../..')
// Neither an overlay file system nor namespaces are needed: it works inside a container too.
const env = { ...process.env, STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot' }
const execute = promisify(execFile)

/** Runs buildah and gives what it printed. */
export async function buildah(...args: string[]): Promise<string> {
  const { stdout } = await execute('buildah', args, { cwd: checkout, env, maxBuffer: 64 * 1024 * 1024 })
  return stdout.trim()
}

/**
 * Builds the Dockerfile. apt and npm in its RUN steps reach what they reach on this machine: they see its settings and
 * the authorities it trusts, of which nothing is left in the image.
 */
export async function buildImage(name: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-docker-'))
  try {
    const npmrc = join(dir, 'npmrc')
    const own = join(homedir(), '.npmrc')
    if (existsSync(own)) await copyFile(own, npmrc)
    else await writeFile(npmrc, '')
    await appendFile(npmrc, '\ncafile=/etc/ssl/certs/ca-certificates.crt\n')
    const volumes = ['/etc/apt:/etc/apt', '/etc/ssl/certs:/etc/ssl/certs', `${npmrc}:/root/.npmrc`]
    const mounts = volumes.flatMap((volume) => ['--volume', `${volume}:ro`])
    // Docker's own format: the other one has no place for a health check.
    await buildah(
      'build',
      '--quiet',
      '--format',
      'docker',
      '--network',
      'host',
      '--pull-never',
      ...mounts,
      '-t',
      name,
      '.',
    )
  } finally {
    await rm(dir, { recursive: true })
  }
}

/** What the image says about how to run it: Docker's image specification, v1.2. */
export type ImageConfig = Readonly<{ Cmd: string[]; User: string; Healthcheck: Readonly<{ Test: string[] }> }>

export async function configOf(image: string): Promise<ImageConfig> {
  return JSON.parse(await buildah('inspect', '--type', 'image', image)).Docker.config
}

/** A command in the container, with this environment added. */
export function startIn(
  container: string,
  command: readonly string[],
  added: Readonly<Record<string, string>>,
): ChildProcess {
  const pairs = Object.entries(added).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const args = ['run', '--network', 'host', ...pairs, container, '--', ...command]
  return spawn('buildah', args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
}
