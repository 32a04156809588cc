import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { type RunningPostgres, type Settings, startCluster } from '../../dev/postgres.ts'
import { migrate } from '../../origin/db/migrations.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url))
const TEMPLATE = 'tideline_template'

/** Nothing here outlives the run, so nothing waits for a disk. */
const TEST_SETTINGS: Settings = {
  shared_buffers: '256MB',
  max_connections: '300',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'on',
  max_wal_size: '2GB',
}

export interface TestPostgres {
  /** For `createDatabase`. */
  readonly adminUrl: string
  /** Of the server. */
  readonly pid: number
  /** Ends the server and removes its folder. */
  stop(): Promise<void>
}

/** Starts a Postgres in a temporary folder, with a migrated template that `createDatabase` copies. */
export async function startTestPostgres(settings: Settings = TEST_SETTINGS): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-postgres-'))
  await chmod(folder, 0o755) // as root, the server runs as another user
  const start = async () => startCluster({ dataDir: join(folder, 'data'), port: await freePort() }, settings)
  const leaveNothing = () => removeNow(folder)
  let server: RunningPostgres | undefined
  const stop = async () => {
    await server?.stop()
    process.off('exit', leaveNothing)
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    server = await start().catch(start) // another process may have been faster on that port; a second refusal has some other reason
    process.once('exit', leaveNothing) // of an interrupted run; the server was told to stop just before
    const adminUrl = server.url
    await asAdmin(adminUrl, (sql) => sql`create database ${sql(TEMPLATE)}`)
    await migrate(databaseUrl(adminUrl, TEMPLATE), MIGRATIONS)
    await asAdmin(adminUrl, (sql) => sql`alter database ${sql(TEMPLATE)} with is_template true allow_connections false`)
    return { adminUrl, pid: server.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export interface TestDatabase {
  readonly url: string
  /** Closes what is still connected. */
  drop(): Promise<void>
}

/** A migrated database of the caller's own. */
export async function createDatabase(adminUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await onceUnused(() => asAdmin(adminUrl, (sql) => sql`create database ${sql(name)} template ${sql(TEMPLATE)}`))
  return {
    url: databaseUrl(adminUrl, name),
    drop: () => onceUnused(() => asAdmin(adminUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`)),
  }
}

/**
 * Removes a folder into which a server that is shutting down still writes for a moment; Node's rmSync may then leave some of it and
 * not say so. Nothing can be awaited while we exit.
 */
function removeNow(folder: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let attempt = 0; attempt < 20 && existsSync(folder); attempt += 1) {
    if (attempt > 0) Atomics.wait(pause, 0, 0, 50)
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Postgres waits five seconds at most for those who are still connected to a database, as autovacuum is now and then, and whom it has told to go (SQLSTATE 55006). On a
 * machine that stands still for as long they cannot.
 */
async function onceUnused(run: () => Promise<void>): Promise<void> {
  const refusal = await eventually(() =>
    run().catch((error: unknown) => {
      if (error instanceof postgres.PostgresError && error.code === '55006') throw error
      return { error }
    }),
  )
  if (refusal) throw refusal.error
}

async function asAdmin(adminUrl: string, run: (sql: postgres.Sql) => PromiseLike<unknown>): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} })
  try {
    await run(sql)
  } finally {
    await sql.end()
  }
}

function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return url.href
}
