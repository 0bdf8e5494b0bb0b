import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ServerProcess, startServer } from '../server-process.ts'

/** Starts nginx in `dir` from a template of this directory, in which `@NAME@` stands for `values.NAME`. */
export async function startNginx(
  template: string,
  dir: string,
  values: Readonly<Record<string, string | number>> & { PORT: number },
): Promise<ServerProcess> {
  await mkdir(dir, { recursive: true })
  const text = await readFile(join(import.meta.dirname, template), 'utf8')
  const config = text.replace(/@([A-Z][A-Z_]*)@/g, (_, name: string) => {
    const value = name === 'DIR' ? dir : values[name]
    if (value === undefined) throw new Error(`${template}: nothing to put in for @${name}@`)
    return `${value}`
  })
  await writeFile(join(dir, 'nginx.conf'), config)
  return startServer({
    name: 'nginx',
    program: 'nginx',
    args: ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr'],
    cwd: dir,
    log: join(dir, 'log'),
    readyUrl: `http://127.0.0.1:${values.PORT}/`,
  })
}
