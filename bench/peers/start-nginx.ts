import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ServerProcess, startServer } from '../server-process.ts'
import { fillTemplate, type TemplateValues } from './fill-template.ts'

/** Starts nginx in `dir` from a template of this directory; `@DIR@` in it stands for `dir`. */
export async function startNginx(
  template: string,
  dir: string,
  values: TemplateValues & { PORT: number },
): Promise<ServerProcess> {
  await mkdir(dir, { recursive: true })
  await fillTemplate(template, join(dir, 'nginx.conf'), { ...values, DIR: dir })
  return startServer({
    name: 'nginx',
    program: 'nginx',
    args: ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr'],
    cwd: dir,
    log: join(dir, 'log'),
    readyUrl: `http://127.0.0.1:${values.PORT}/`,
  })
}
