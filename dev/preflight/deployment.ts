import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { lineOf, UsageError } from '../command-line.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** What wrangler.toml says of the worker. */
export interface Wrangler {
  readonly vars: Env
  readonly compatibilityDate: string | undefined
  readonly requiredSecrets: readonly string[]
}

/** A deployment as it is described here: nothing in it was looked at yet. A side that is not checked is undefined. */
export interface Deployment {
  readonly origin: Env | undefined
  readonly worker: Env | undefined
  readonly wrangler: Wrangler | undefined
}

/** Secrets cannot be read back from Cloudflare, so these come from where the origin's variables come from. */
export const WORKER_SECRETS = [
  'JWT_SECRET',
  'JWT_SECRET_PREVIOUS',
  'EDGE_SECRET',
  'SIGNING_SECRET',
  'SIGNING_SECRET_PREVIOUS',
  'UPSTASH_REDIS_REST_TOKEN',
]

interface Sources {
  readonly only: 'origin' | 'worker' | undefined
  readonly environment: Env
  readonly originFile: string | undefined
  readonly workerFile: string | undefined
  readonly wranglerFile: string
  readonly wranglerEnv: string | undefined
}

/**
 * Reads where the two sides are configured: the origin by variables, the worker by the vars of wrangler.toml and by secrets. A file
 * stands in for the environment.
 */
export async function readDeployment({
  only,
  environment,
  originFile,
  workerFile,
  wranglerFile,
  wranglerEnv,
}: Sources): Promise<Deployment> {
  const origin = originFile === undefined ? environment : await readEnvFile(originFile)
  if (only === 'origin') return { origin, worker: undefined, wrangler: undefined }
  const wrangler = await readWrangler(wranglerFile, wranglerEnv)
  const secrets = Object.fromEntries(WORKER_SECRETS.flatMap((name) => (origin[name] === undefined ? [] : [[name, origin[name]]])))
  const worker = { ...wrangler.vars, ...secrets, ...(workerFile === undefined ? {} : await readEnvFile(workerFile)) }
  return { origin: only === 'worker' ? undefined : origin, worker, wrangler }
}

/** NAME=value lines of a file. */
export async function readEnvFile(path: string): Promise<Env> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new UsageError(`cannot read ${path}: ${lineOf(cause)}`, { cause })
  })
  return parseEnv(text)
}

async function readWrangler(path: string, env: string | undefined): Promise<Wrangler> {
  const { unstable_readConfig } = await import('wrangler').catch((cause) => {
    throw new UsageError('wrangler is not installed here: npm ci, or --only origin', { cause })
  })
  try {
    const config = unstable_readConfig({ config: path, ...(env === undefined ? {} : { env }) }, { hideWarnings: true })
    return {
      vars: Object.fromEntries(
        Object.entries(config.vars).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
      ),
      compatibilityDate: config.compatibility_date,
      requiredSecrets: config.secrets?.required ?? [],
    }
  } catch (cause) {
    throw new UsageError(`cannot use ${path}: ${lineOf(cause)}`, { cause })
  }
}
