import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What .dockerignore lets through: it refuses everything, then names what may pass. */
export async function allowedInImage(): Promise<string[]> {
  const lines = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'))
  if (lines[0] !== '*') throw new Error('.dockerignore no longer refuses everything first')
  return lines.slice(1).map((line) => {
    if (!line.startsWith('!')) throw new Error(`.dockerignore names something else than what may pass: ${line}`)
    return line.slice(1)
  })
}

/** Puts into `folder` what `COPY . .` would. */
export async function copyContext(folder: string): Promise<void> {
  for (const name of await allowedInImage()) await cp(join(ROOT, name), join(folder, name), { recursive: true })
}
