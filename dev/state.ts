import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { lineOf, UsageError } from './command-line.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const DEFAULT_STATE_DIR = join(ROOT, '.tideline')

const secretsSchema = z.object({
  /** HS256 secret of the bearer tokens. */
  jwtSecret: z.string(),
  edgeSecret: z.string(),
  signingSecret: z.string(),
  /** Of the façade. */
  l2Token: z.string(),
})
export type Secrets = z.infer<typeof secretsSchema>

const stateSchema = secretsSchema.extend({
  databaseUrl: z.string(),
  redisUrl: z.string(),
  l2Url: z.string(),
  /** In front of every key in L2. */
  keyPrefix: z.string(),
  /** Followers from which on an author is a candidate for the crowd: the origin's own rule, a quarter of the threshold. */
  crowdFloor: z.int().positive(),
  workerUrl: z.string(),
  originUrl: z.string(),
  /** Of the `npm start` that runs; null when none does. */
  pid: z.int().nullable(),
})
/** What the other commands and tests must know of the stack: `dev.json`, readable by its owner alone. */
export type DevState = z.infer<typeof stateSchema>

/** Everything kept in a state directory, and what `--reset` therefore drops: nothing else that may lie there. */
const KEPT = ['postgres', 'postgres.new', 'redis', 'worker', 'logs', 'dev.json', 'dev.vars', 'cookies']

/** Makes the directory. It stays open to others, because as root we run Postgres as another user. */
export async function openStateDir(dir: string): Promise<void> {
  await mkdir(join(dir, 'logs'), { recursive: true }).catch((cause) => {
    throw new UsageError(`cannot write to ${dir}: ${lineOf(cause)}`, { cause })
  })
}

export async function resetState(dir: string): Promise<void> {
  for (const name of KEPT) await rm(join(dir, name), { recursive: true, force: true, maxRetries: 3 })
  await openStateDir(dir)
}

/** The state of the last or running stack; undefined before the first start. */
export async function readState(dir: string): Promise<DevState | undefined> {
  const path = join(dir, 'dev.json')
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new UsageError(`cannot read ${path}: ${error.message}`, { cause: error })
  })
  if (text === undefined) return undefined
  try {
    return stateSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new UsageError(`${path} cannot be understood: "npm start -- --reset" makes it anew and drops the data`, { cause })
  }
}

export async function writeState(dir: string, state: DevState): Promise<void> {
  await writePrivately(join(dir, 'dev.json'), `${JSON.stringify(state, undefined, 2)}\n`)
}

/** Replaces a file in one step by one that only its owner may read. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  await writeFile(aside, text, { mode: 0o600 })
  await rename(aside, path)
}

/** Random, once per state directory: tokens and cursors handed out before a restart stay good. */
export function newSecrets(): Secrets {
  const secret = () => randomBytes(32).toString('base64url')
  return { jwtSecret: secret(), edgeSecret: secret(), signingSecret: secret(), l2Token: secret() }
}

/**
 * The prefix of our keys in Redis, other for each database: a Redis that is kept while the database is dropped or changed would
 * otherwise answer for the wrong one, and two checkouts may share a Redis.
 */
export function keyPrefixOf(secrets: Secrets, databaseIdentity: string): string {
  const digest = createHash('sha256').update(`${secrets.signingSecret} ${databaseIdentity}`).digest('hex')
  return `tideline-${digest.slice(0, 8)}:`
}

/** A path as it is best shown: relative where that is shorter. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near && near.length < path.length ? near : path
}
