import { randomBytes } from 'node:crypto'
import { type ServerType, serve } from '@hono/node-server'
import { sql } from 'drizzle-orm'
import { sign } from 'hono/jwt'
import { inject } from 'vitest'
import { VERSION_HEADER } from '../../contract/headers.ts'
import { createUpstashFacade } from '../../dev/upstash-facade.ts'
import { type Config, parseConfig } from '../../origin/config.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { createOrigin, type Origin, type OriginEvent } from '../../origin/wiring.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { createDatabase } from './postgres.ts'
import { startRedis } from './redis.ts'
import { startWorkerd } from './workerd.ts'

const SECRETS = {
  JWT_SECRET: 'test-jwt-secret-0123456789',
  EDGE_SECRET: 'test-edge-secret-0123456789',
  SIGNING_SECRET: 'test-signing-secret-0123',
}
const L2_TOKEN = 'test-l2-token'
/** Machines that run tests are slow and shared, and stall for seconds: nothing is given up because of that. A lease whose holder is gone lives long with it. */
const PATIENT = { L2_DEADLINE_MS: '5000', LOAD_DEADLINE_MS: '10000', WRITE_DEADLINE_MS: '30000' }

/** Bindings of a worker none of whose answers is degraded, however slow the machine. */
export const NEVER_DEGRADED = { L2_DEADLINE_MS: '10000', LOAD_DEADLINE_MS: '10000', WRITE_DEADLINE_MS: '40000' }

interface Options {
  /** Environment of the origin, beside what the stack knows. */
  readonly origin?: Readonly<Record<string, string>>
  /** Bindings of the worker, beside what the stack knows. */
  readonly worker?: Readonly<Record<string, string>>
  readonly isolates?: number
  /** workerd processes, each with `isolates`. */
  readonly processes?: number
  readonly replicaLagMs?: number
  /** Where databases are made, and the worker's bundle: what vitest's global setup provides, unless told otherwise. */
  readonly postgresUrl?: string
  readonly workerBundle?: string
  /** Arguments for redis-server. */
  readonly redis?: readonly string[]
}

/** An author's or reader's way to talk to the API. */
export interface Client {
  readonly id: string
  readonly token: string
  /** A request as this user. `isolate` picks the worker; the version token is sent only by `withToken`. */
  fetch(path: string, init?: RequestInit & { isolate?: number; version?: string | null }): Promise<Response>
}

export type Stack = Awaited<ReturnType<typeof startStack>>

/** Everything real: Postgres (a database of its own), Redis behind the façade, the origin in this process, workerd outside it. */
export async function startStack(options: Options = {}) {
  const postgresUrl = options.postgresUrl ?? inject('postgresUrl')
  const bundle = options.workerBundle ?? inject('workerBundle')
  const [database, redis] = await Promise.all([createDatabase(postgresUrl), startRedis({ args: [...(options.redis ?? [])] })])
  const facade = createUpstashFacade({ redisUrl: redis.url, token: L2_TOKEN, replicaLagMs: options.replicaLagMs ?? 0 })
  const { url: l2Url } = await facade.listen()
  const connection: Connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'test' })
  const events: OriginEvent[] = []
  const environment = {
    DATABASE_URL: database.url,
    UPSTASH_REDIS_REST_URL: l2Url,
    UPSTASH_REDIS_REST_TOKEN: L2_TOKEN,
    EDGE_SECRET: SECRETS.EDGE_SECRET,
    DATABASE_CONNECTIONS: '12',
    L2_DEADLINE_MS: '10000', // a machine that stands still for a second is no ill Redis: its writes would become debts
    ANNOUNCE_MS: '1000',
    TIMELINE_LIFE_MS: '1000',
    MONITOR_SAMPLES_PER_MINUTE: '0', // it would count among what tests count
    ...options.origin,
  }
  const config: Config = parseConfig(environment)
  let origin: Origin | undefined
  let server: ServerType | undefined
  const port = await freePort() // where it is found again after it was stopped

  async function startOrigin(): Promise<void> {
    origin = await createOrigin(config, (event) => events.push(event))
    const { fetch } = origin.app
    await new Promise<void>((resolve) => {
      server = serve({ fetch, hostname: '127.0.0.1', port, serverOptions: { keepAliveTimeout: 120_000 } }, () => resolve())
    })
  }
  async function stopOrigin(): Promise<void> {
    const stopping = server
    server = undefined
    if (stopping && 'closeAllConnections' in stopping) stopping.closeAllConnections()
    if (stopping) await new Promise((resolve) => stopping.close(resolve))
    await origin?.close()
    origin = undefined
  }
  await startOrigin()

  const bindings = {
    ORIGIN_URL: `http://127.0.0.1:${port}`,
    UPSTASH_REDIS_REST_URL: l2Url,
    UPSTASH_REDIS_REST_TOKEN: L2_TOKEN,
    ...PATIENT,
    ...SECRETS,
    ...options.worker,
  }
  /** Until its first beat an origin recovers: what was done in the last minute is owed again for a moment. */
  const recovered = () =>
    eventually(async () => {
      if ((await connection.db.execute(sql`select 1 from beats limit 1`)).length === 0) throw new Error('the origin has not recovered yet')
    }, 30_000)
  const [workers] = await Promise.all([
    Promise.all(Array.from({ length: options.processes ?? 1 }, () => startWorkerd({ bundle, bindings, isolates: options.isolates ?? 1 }))),
    recovered(),
  ])
  const urls = workers.flatMap((worker) => worker.urls)
  const urlOf = (isolate: number): string => urls[isolate % urls.length] ?? ''

  async function tokenFor(claims: Record<string, unknown>): Promise<string> {
    return sign({ exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims }, SECRETS.JWT_SECRET, 'HS256')
  }
  async function client(id: string): Promise<Client> {
    const token = await tokenFor({ sub: id })
    return {
      id,
      token,
      fetch: (path, { isolate = 0, version, ...init } = {}) => {
        const headers = new Headers(init.headers)
        headers.set('authorization', `Bearer ${token}`)
        if (version) headers.set(VERSION_HEADER, version)
        return fetch(urlOf(isolate) + path, { ...init, headers })
      },
    }
  }

  return {
    db: connection.db,
    databaseUrl: database.url,
    environment,
    bindings,
    redis,
    facade,
    l2Url,
    l2Token: L2_TOKEN,
    events,
    workers,
    urls,
    secrets: SECRETS,
    tokenFor,
    client,
    startOrigin,
    stopOrigin,
    originUrl: () => `http://127.0.0.1:${port}`,
    /** Keys the origin was asked to load so far. */
    loads: (key: string) => events.reduce((count, event) => count + (event.type === 'load' && event.keys.includes(key) ? 1 : 0), 0),
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()))
      await stopOrigin()
      await facade.close()
      await connection.close()
      await Promise.all([database.drop(), redis.stop()])
    },
  }
}

/** Random letters for names. */
export const randomName = (): string => `u${randomBytes(6).toString('hex')}`
