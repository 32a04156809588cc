import { createClient } from 'redis'
import { leaseKeyOf } from '../../../contract/l2/keys.ts'
import { decodeValue, encodeValue, type Framed } from '../../../contract/l2/value.ts'
import { createUpstashFacade, type FaultRule } from '../../../dev/upstash-facade.ts'
import type { Setup } from '../cache-worker/setup.ts'
import { startRedis } from '../redis.ts'
import { createCacheClient } from './cache-client.ts'
import { type Row, startCacheOrigin, tagOf } from './origin.ts'

const TOKEN = 'isolates-token'
/** In front of the cache worker's keys in L2, and of their leases. */
const PREFIX = 'isolates:v:'
const LEASE_PREFIX = `isolates:${leaseKeyOf('v:')}`
const KEPT_MS = 600_000
/** Deadlines that a busy machine does not reach, where a test is not about them (milliseconds). */
const PATIENT = { sharedSoftMs: 10_000, loadDeadlineMs: 10_000, loadSoftMs: 10_000 }

/** A value to be put into L2: its ends are milliseconds from now, and may lie in the past. */
interface Put {
  readonly value: unknown
  readonly softMs: number
  readonly hardMs?: number
  readonly graceMs?: number
  readonly deltaMs?: number
  readonly truth?: number
}

export type Services = Awaited<ReturnType<typeof startServices>>
export type World = ReturnType<Services['world']>

/** What isolates need around them: real Redis behind the façade, and an origin. Many tests may use them at once. */
export async function startServices() {
  const [redis, origin] = await Promise.all([startRedis(), startCacheOrigin()])
  const facade = createUpstashFacade({ redisUrl: redis.url, token: TOKEN })
  const { url } = await facade.listen()
  const client = createClient({ url: redis.url })
  await client.connect()
  const faults = new Map<string, FaultRule>()
  const calls = new Map<string, string[]>()
  facade.setFault((request) => {
    const [command = []] = request.commands
    const tag = tagOf(command.find((word) => word.startsWith(PREFIX))?.slice(PREFIX.length))
    const names = calls.get(tag) ?? []
    calls.set(tag, names)
    for (const [name = ''] of request.commands) names.push(name.toUpperCase())
    return faults.get(tag)?.(request)
  })
  let worlds = 0

  /** A test's own part of it all: its keys and caches have names that no other test uses. */
  function world(urls: readonly string[]) {
    const tag = `t${++worlds}-`
    const key = (name: string): string => tag + name

    /** A cache that is made for this test, in an isolate. Where there are not so many, they are other caches in the same. */
    function cache(setup: Partial<Setup> = {}, isolate = 0) {
      const settings = { ...PATIENT, ...setup.settings }
      const on = JSON.stringify({ shared: true, sharedDeadlineMs: 10_000, ...setup, settings, name: `${tag}${isolate}` } satisfies Setup)
      return createCacheClient({ base: urls[isolate % urls.length] ?? '', on, tag })
    }

    return {
      key,
      cache,
      origin: {
        set: (name: string, ...rows: readonly Row[]) => origin.set(key(name), ...rows),
        /** Its loads are answered when what this answers is called. */
        hold(name: string, row: Row): () => void {
          const { promise, resolve } = Promise.withResolvers<void>()
          origin.set(key(name), { ...row, until: promise })
          return resolve
        },
        asked: (name: string, loads?: number) => origin.asked(key(name), loads),
        momentsOf: (name: string) => origin.momentsOf(key(name)),
        loadsOf: (name: string) => origin.momentsOf(key(name)).length,
        loads: () => origin.loads(tag),
        most: () => origin.most(tag),
      },
      /** Puts a value into L2. */
      async put(name: string, { value, softMs, hardMs = softMs, graceMs = hardMs, deltaMs = 1, truth = 0 }: Put): Promise<void> {
        const nowMs = Date.now()
        const frame = { softExpiresAtMs: nowMs + softMs, hardExpiresAtMs: nowMs + hardMs, graceEndsAtMs: nowMs + graceMs, deltaMs, truth }
        const text = encodeValue({ ...frame, stamp: 1, tailLength: 0, payload: value === null ? null : JSON.stringify(value) })
        await client.set(PREFIX + key(name), text, { PX: KEPT_MS })
      },
      putText: (name: string, text: string) => client.set(PREFIX + key(name), text, { PX: KEPT_MS }),
      async stored(name: string): Promise<Framed | undefined> {
        const text = await client.get(PREFIX + key(name))
        return text === null ? undefined : decodeValue(text)
      },
      /** Somebody else has the lease, and never fills. */
      leaseAway: (name: string) => client.set(LEASE_PREFIX + key(name), `${'x'.repeat(22)}00`, { PX: KEPT_MS }),
      setFault(rule: FaultRule | undefined): void {
        if (rule) faults.set(tag, rule)
        else faults.delete(tag)
      },
      /** How often this test's caches sent a command. */
      commands: (name: string): number => (calls.get(tag) ?? []).filter((one) => one === name).length,
    }
  }

  return {
    origin,
    bindings: { ORIGIN_URL: origin.url, L2_URL: url, L2_TOKEN: TOKEN },
    world,
    async stop() {
      client.destroy()
      await facade.close()
      await Promise.all([redis.stop(), origin.close()])
    },
  }
}
