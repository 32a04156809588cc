import { resolve } from 'node:path'
import { parseCount, parseDatabaseUrl, parseFlags, UsageError } from './command-line.ts'
import { DEFAULT_STATE_DIR } from './state.ts'

export const USAGE = `Starts everything on this machine: Postgres, Redis behind an Upstash façade, the origin, the worker, a demo graph.

  npm start -- [options]

  --port N              of the worker (8787); a busy port is replaced by the next free one
  --origin-port N       of the origin (8788)
  --database-url URL    a Postgres of your own; it is migrated, and seeded only if it has no users
  --redis-url URL       a Redis (7.0 or newer) of your own; its keys start with "tideline-"
  --redis WHICH         "real": redis-server or valkey-server on the PATH; "stand-in": our own small one (real where there is one)
  --crowd-threshold N   authors with so many followers are pulled instead of pushed (200)
  --state-dir DIR       where data, secrets and logs are kept (.tideline)
  --reset               drops what is kept there first; a Postgres or Redis of your own is left alone
  --help                this text

TIDELINE_REDIS=WHICH says the same as --redis. Ctrl-C stops everything and keeps the data.
`

export interface StartOptions {
  readonly port: number
  readonly originPort: number
  /** A Postgres of the caller's own. */
  readonly databaseUrl: URL | undefined
  /** A Redis of the caller's own. */
  readonly redisUrl: URL | undefined
  /** Which Redis of ours: "real" or "stand-in"; undefined where the caller has no wish. */
  readonly redis: string | undefined
  readonly crowdThreshold: number
  readonly stateDir: string
  readonly reset: boolean
}

/** The parsed command line of `npm start`; undefined when help was asked for. */
export function parseOptions(args: string[]): StartOptions | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, {
    port: text,
    'origin-port': text,
    'database-url': text,
    'redis-url': text,
    redis: text,
    'crowd-threshold': text,
    'state-dir': text,
    reset: flag,
    help: flag,
  })
  if (values.help) return undefined
  const options = {
    port: parseCount('--port', values.port ?? '8787', 1, 65_535),
    originPort: parseCount('--origin-port', values['origin-port'] ?? '8788', 1, 65_535),
    databaseUrl: values['database-url'] === undefined ? undefined : parseDatabaseUrl(values['database-url']),
    redisUrl: values['redis-url'] === undefined ? undefined : parseRedisUrl(values['redis-url']),
    redis: values.redis,
    crowdThreshold: parseCount('--crowd-threshold', values['crowd-threshold'] ?? '200', 1, 2_147_483_647),
    stateDir: values['state-dir'] ? resolve(values['state-dir']) : DEFAULT_STATE_DIR,
    reset: values.reset ?? false,
  }
  if (options.port === options.originPort) throw new UsageError(`the worker and the origin cannot both have port ${options.port}`)
  return options
}

function parseRedisUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'redis:' || url?.protocol === 'rediss:') return url
  throw new UsageError('a Redis url looks like redis://user:password@host:6379')
}
