import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as z from 'zod'
import { UsageError } from '../../dev/command-line.ts'
import type { Say } from '../../dev/progress.ts'

const FOLDER = new URL('../peers/', import.meta.url)
const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()) })
const installedSchema = z.object({ version: z.string() })

/** Installs the peers where one is missing or of another version than its package.json pins; answers their versions. */
export async function installPeers(say: Say): Promise<Readonly<Record<string, string>>> {
  const { dependencies } = packageSchema.parse(JSON.parse(await readFile(new URL('package.json', FOLDER), 'utf8')))
  const versions = await Promise.all(Object.keys(dependencies).map(installedVersion))
  if (Object.values(dependencies).some((version, i) => versions[i] !== version)) {
    say(`installing the peers into bench/peers: ${Object.keys(dependencies).join(', ')}`)
    await promisify(execFile)('npm', ['ci', '--ignore-scripts'], { cwd: fileURLToPath(FOLDER) }).catch((cause: unknown) => {
      throw new UsageError('the peers cannot be installed: try npm ci in bench/peers', { cause })
    })
  }
  return dependencies
}

async function installedVersion(name: string): Promise<string | undefined> {
  const text = await readFile(new URL(`node_modules/${name}/package.json`, FOLDER), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : installedSchema.parse(JSON.parse(text)).version
}
