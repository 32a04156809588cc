import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { lineOf, UsageError } from './command-line.ts'
import { launch, type RunningProcess } from './processes.ts'
import { ROOT } from './state.ts'

const READY_DEADLINE_MS = 30_000
const CONNECT_DEADLINE_MS = 5_000

/** What runs as Redis: a server that is installed, or our own small one (docs/decisions/0007-redis-stand-in.md). */
export interface RedisProgram {
  /** How it is called in what we print. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Each has its own, for neither reads the other's. */
  readonly snapshot: string
  /** What its command line can be told by. */
  readonly mark: string
}

const STAND_IN_FILE = 'dev/redis-stand-in/index.ts'
const STAND_IN: RedisProgram = {
  name: 'stand-in (Lua 5.1 scripts through wasmoon-lua5.1); install redis-server for the real one',
  command: process.execPath,
  args: [join(ROOT, STAND_IN_FILE)],
  snapshot: 'stand-in.snapshot',
  mark: STAND_IN_FILE,
}

/**
 * The Redis or Valkey server on the PATH, else the stand-in; `wish`, `real` or `stand-in`, insists on one. Throws `UsageError` for
 * any other wish, and where the real one is wished for and there is none.
 */
export async function chooseRedis(wish = process.env.TIDELINE_REDIS, path = process.env.PATH ?? ''): Promise<RedisProgram> {
  if (wish && wish !== 'real' && wish !== 'stand-in') throw new UsageError(`which Redis? "real" or "stand-in", not "${wish}"`)
  const real = wish === 'stand-in' ? undefined : await findRedisServer(path)
  if (real) return { name: real, command: real, args: [], snapshot: 'dump.rdb', mark: basename(real) }
  if (wish !== 'real') return STAND_IN
  throw new UsageError(
    'no redis-server or valkey-server on the PATH: apt-get install redis-server, brew install redis, or give --redis-url of your own',
  )
}

async function findRedisServer(path: string): Promise<string | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of path.split(delimiter).filter(Boolean)) {
      const file = join(folder, name)
      const runs = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (runs) return file
    }
  }
  return undefined
}

interface Options {
  readonly program: RedisProgram
  readonly port: number
  /** Where the snapshot is: read at the start, written at the end. */
  readonly dir: string
  readonly logFile: string
}

/** Starts a Redis on the loopback. As a cache it needs no log of writes; it saves when it is told to stop, because it has a save point. */
export async function startRedisServer({ program, port, dir, logFile }: Options): Promise<RunningProcess> {
  await mkdir(dir, { recursive: true })
  const listen = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--dbfilename', program.snapshot]
  const keep = ['--appendonly', 'no', '--save', '3600', '1', '--stop-writes-on-bgsave-error', 'no']
  return launch({ command: program.command, args: [...program.args, ...listen, ...keep], logFile })
}

export async function redisReady(server: RunningProcess): Promise<void> {
  await server.said(/Ready to accept connections/i, READY_DEADLINE_MS)
}

/** Throws what is wrong with a Redis in one line: nobody answers, or it is too old for our scripts. */
export async function assertUsableRedis(url: URL): Promise<void> {
  const { createClient } = await import('redis')
  const socket = { connectTimeout: CONNECT_DEADLINE_MS, reconnectStrategy: false } as const
  const client = createClient({ url: url.href, socket }).on('error', () => {})
  try {
    await client.connect()
    const version = /redis_version:(\S+)/.exec(String(await client.sendCommand(['INFO', 'server'])))?.[1] ?? 'of no known version'
    if (!(Number.parseInt(version, 10) >= 7)) throw new UsageError(`the Redis at ${url.host} is ${version}: 7.0 or newer is needed`)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const reason = cause instanceof AggregateError ? lineOf(cause.errors[0]) : lineOf(cause)
    throw new UsageError(`cannot use the Redis at ${url.host}: ${reason}`, { cause })
  } finally {
    client.destroy()
  }
}
