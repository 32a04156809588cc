import { randomUUID } from 'node:crypto'
import { Redis } from '@upstash/redis'
import { invalidateCall, parseBeat, runScript } from '../../contract/l2/calls.ts'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { schema as originSchema } from '../../origin/config.ts'
import { schema as workerSchema } from '../../worker/config.ts'
import { lineOf } from '../command-line.ts'
import { type Check, type Finding, fail, ok, runChecks, type Verdict, warn } from './check.ts'
import type { Deployment } from './deployment.ts'
import { isLoopback } from './loopback.ts'
import { settingOf } from './variables.ts'

const PINGS = 5
const CALL_DEADLINE_MS = 3_000
/** Promise 4 allows a replica this much (milliseconds). */
const MAX_LAG_MS = 1_000
const MAX_SKEW_MS = 1_000
/** What a check leaves behind ends by itself (milliseconds). */
const KEEP_MS = 10_000

/** Redis can be reached, written and scripted with the token, and forgets the right things. */
export async function checkRedis({ origin, worker }: Deployment, nowMs: () => number): Promise<Verdict[]> {
  const env = origin ?? worker ?? {}
  const url = settingOf(originSchema.shape.UPSTASH_REDIS_REST_URL, env.UPSTASH_REDIS_REST_URL)
  const token = settingOf(originSchema.shape.UPSTASH_REDIS_REST_TOKEN, env.UPSTASH_REDIS_REST_TOKEN)
  if (url === undefined || token === undefined) return []
  const prefix = settingOf(originSchema.shape.KEY_PREFIX, env.KEY_PREFIX) ?? ''
  const deadlineMs = settingOf(workerSchema.shape.L2_DEADLINE_MS, worker?.L2_DEADLINE_MS) ?? 250
  const redis = new Redis({ url, token, ...CLIENT_OPTIONS, signal: () => AbortSignal.timeout(CALL_DEADLINE_MS) })
  const key = `${prefix}preflight:${randomUUID()}`

  try {
    await redis.ping() // the handshake is no part of the round trip
  } catch (error) {
    const refused = /unauthorized|wrongpass|401/i.test(lineOf(error))
    const todo = refused
      ? 'UPSTASH_REDIS_REST_TOKEN is not of this database'
      : 'is UPSTASH_REDIS_REST_URL right? Nothing else of Redis was checked'
    return runChecks([{ name: 'redis reachable', run: () => fail(lineOf(error), todo) }])
  }

  const checks: Check[] = [
    { name: 'redis reachable', run: () => ok(new URL(url).host) },
    { name: 'redis encrypted', run: () => encrypted(new URL(url)) },
    { name: 'redis round trip', run: async () => roundTrip(await medianMs(() => redis.ping(), nowMs), deadlineMs) },
    { name: 'redis writable', run: writable },
    { name: 'redis scripts', run: scripts },
    { name: 'redis eviction', run: eviction },
    { name: 'redis clock', run: clock },
  ]
  return runChecks(checks)

  /** Writes, and reads until the write is seen: reads go to the nearest replica. */
  async function writable(): Promise<Finding> {
    try {
      await redis.set(key, 'written', { px: KEEP_MS })
    } catch (error) {
      return fail(lineOf(error), 'the token may not write: take the one that is not read-only')
    }
    const writtenAtMs = nowMs()
    let lagMs = 0
    while ((await redis.mget<(string | null)[]>(key))[0] !== 'written') {
      lagMs = nowMs() - writtenAtMs
      if (lagMs > 3 * MAX_LAG_MS) break
    }
    await redis.unlink(key)
    if (lagMs > MAX_LAG_MS)
      return fail(`a write was seen after ${lagMs} ms`, 'fewer or nearer read regions: deletes are promised within 5 s')
    return ok(lagMs === 0 ? 'a write is seen at once' : `a write is seen within ${lagMs} ms`)
  }

  async function scripts(): Promise<Finding> {
    const beat = `preflight:${randomUUID()}`
    try {
      parseBeat(await runScript(redis, invalidateCall(prefix, [], beat)))
      await redis.unlink(prefix + beat)
      return ok('run with the flag allow-key-locking')
    } catch (error) {
      return fail(lineOf(error), 'Tideline speaks to Upstash, or to the façade in front of a Redis 7 (docs/decisions/0002)')
    }
  }

  async function eviction(): Promise<Finding> {
    try {
      const policy = await configured('maxmemory-policy')
      const unlimited = (await configured('maxmemory')) === '0'
      return evictionOf(policy, unlimited)
    } catch (error) {
      return warn(
        `cannot be asked here (${lineOf(error)})`,
        'on Upstash see to it in the console: Configuration, Eviction, Enable (docs/deploy.md)',
      )
    }
  }
  async function configured(name: string): Promise<string> {
    const reply = await redis.exec<unknown>(['CONFIG', 'GET', name])
    const value: unknown = Array.isArray(reply) ? reply[1] : undefined
    if (typeof value !== 'string') throw new TypeError('CONFIG GET answered nothing')
    return value
  }

  async function clock(): Promise<Finding> {
    const askedAtMs = nowMs()
    const [seconds, microseconds] = await redis.time()
    const atMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000
    const skewMs = Math.round(Math.max(0, askedAtMs - atMs, atMs - nowMs()))
    return skewMs > MAX_SKEW_MS
      ? warn(`${skewMs} ms from this machine's`, "nothing depends on Redis' clock, but is this machine's right?")
      : ok(`within 1 s of this machine's`)
  }
}

function encrypted({ protocol, hostname }: URL): Finding {
  if (protocol === 'https:') return ok('TLS')
  if (isLoopback(hostname)) return warn('on this machine', 'a worker on Cloudflare cannot reach it')
  return fail('plain http: the token travels in the clear', 'UPSTASH_REDIS_REST_URL begins with https://')
}

/** What a full Redis does. A policy that only forgets what has an end anyway keeps the heartbeats, which have none. */
export function evictionOf(policy: string, unlimited: boolean): Finding {
  if (policy.includes('volatile')) return ok(policy)
  if (policy === 'noeviction' && unlimited) return warn('noeviction without maxmemory', 'set maxmemory, and maxmemory-policy volatile-lru')
  if (policy === 'noeviction') {
    return fail('noeviction: when it is full invalidations are refused, and deleted posts stay', 'set maxmemory-policy volatile-lru')
  }
  return warn(`${policy} may drop heartbeats, and each one dropped is taken for lost writes`, 'set maxmemory-policy volatile-lru')
}

async function medianMs(call: () => Promise<unknown>, nowMs: () => number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < PINGS; i++) {
    const startedAtMs = nowMs()
    await call()
    times.push(nowMs() - startedAtMs)
  }
  return times.sort((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0
}

export function roundTrip(ms: number, deadlineMs: number): Finding {
  const says = `${Math.round(ms)} ms from here; the worker gives up after ${deadlineMs}`
  if (ms >= deadlineMs) return warn(says, 'from the edge it may be nearer; if not, raise L2_DEADLINE_MS or add a read region')
  return 2 * ms >= deadlineMs ? warn(says, 'little margin: raise L2_DEADLINE_MS or choose a nearer region') : ok(says)
}
