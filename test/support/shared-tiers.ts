import { setTimeout as sleep } from 'node:timers/promises'
import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { createUpstashFacade, type Fault } from '../../dev/upstash-facade.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import { idsIn } from '../../origin/db/chunks.ts'
import type { L2Port } from '../../origin/fanout/l2-port.ts'
import { createRedisTier } from '../../worker/adapters/redis-tier.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import type { SharedTier, Wanted } from '../../worker/cache/ports.ts'
import { eventually } from './eventually.ts'
import { createMemorySharedTier } from './memory-shared-tier.ts'
import { startRedis } from './redis.ts'
import { createVirtualClock } from './virtual-clock.ts'

/** An implementation, the origin's way to write to it, and its clock. */
export interface Subject {
  readonly tier: SharedTier
  readonly origin: Pick<L2Port, 'push' | 'invalidate'>
  nowMs(): number
  /** Lets time pass on its clock. */
  pass(ms: number): Promise<void>
  /** Repeats `check` while time passes, until it no longer throws. */
  eventually(check: () => Promise<void>): Promise<void>
  setReplicaLagMs(ms: number): void
  /** The same on a server that can be made ill, in each of these ways, until the returned function is called. */
  readonly ailing: { readonly tier: SharedTier; readonly ways: Readonly<Record<string, () => () => void>> }
  empty(): Promise<void>
  stop(): Promise<void>
}

async function memory(): Promise<Subject> {
  const clock = createVirtualClock()
  let tier = createMemorySharedTier(clock)
  return {
    get tier() {
      return tier
    },
    origin: {
      push: (entries, deliveries) =>
        tier.push(
          entries,
          deliveries.flatMap((one) =>
            'key' in one ? [one] : idsIn(one.viewers).map((viewerId) => ({ key: keyOf.timeline(viewerId), entry: one.entry })),
          ),
        ),
      invalidate: (invalidations) => tier.invalidate(invalidations),
    },
    nowMs: clock.nowMs,
    pass: clock.advance,
    async eventually(check) {
      for (let waits = 0; waits < 100; waits++) {
        const done = await check().then(
          () => true,
          () => false,
        )
        if (done) return
        await clock.advance(10)
      }
      await check()
    },
    setReplicaLagMs(ms) {
      tier.replicaLagMs = ms
    },
    // Nothing hangs where time is virtual.
    get ailing() {
      const down = () => {
        tier.down = true
        return () => {
          tier.down = false
        }
      }
      return { tier, ways: { down } }
    },
    async empty() {
      tier = createMemorySharedTier(clock)
    },
    async stop() {},
  }
}

const FAULTS: Readonly<Record<string, Fault>> = {
  hanging: { hang: true },
  failing: { status: 503 },
  'refusing the token': { status: 401, error: 'WRONGPASS' },
  'resetting connections': { reset: true },
  'answering garbage': { garbage: true },
}

async function redis(): Promise<Subject> {
  const server = await startRedis()
  const facade = createUpstashFacade({ redisUrl: server.url, token: 'token' })
  const illFacade = createUpstashFacade({ redisUrl: server.url, token: 'token' })
  const ways = Object.fromEntries(
    Object.entries(FAULTS).map(([name, fault]) => [
      name,
      () => {
        illFacade.setFault(() => fault)
        return () => illFacade.setFault(undefined)
      },
    ]),
  )
  const { url } = await facade.listen()
  const common = { url, token: 'token', prefix: 'test:', deadlineMs: 5_000, timeoutSignal: (ms: number) => AbortSignal.timeout(ms) }
  const clock = { nowMs: () => Date.now() }
  return {
    tier: createRedisTier({ ...common, clock }),
    ailing: { tier: createRedisTier({ ...common, url: (await illFacade.listen()).url, clock, deadlineMs: 1_000 }), ways },
    origin: createL2(common),
    nowMs: clock.nowMs,
    pass: (ms) => sleep(ms),
    eventually: (check) => eventually(check),
    setReplicaLagMs: facade.setReplicaLagMs,
    empty: () => server.flush(),
    async stop() {
      await Promise.all([facade.close(), illFacade.close()])
      await server.stop()
    },
  }
}

/** Every implementation of the port, by name. */
export const SHARED_TIERS = [
  ['in memory', memory],
  ['Redis behind the façade', redis],
] as const

export const HOUR_MS = 3_600_000
const LEASE_MS = 60_000
/** A lease or a value that is to run out soon, though not before the next call (milliseconds). */
export const SOON_MS = 300
/** Later than the soft end of anything. */
export const NEVER_MS = 9_999_999_999_999
export const MACHINE = 7

/** A lease token: 22 characters. */
export const tokenOf = (loader: number): string => String(loader).padStart(22, 't')
/** The n-th entry; every third is a repost. */
export const entryOf = (n: number): PackedEntry => ({
  activityId: String(1_500_000_000_000_000_000n + BigInt(n)),
  actorId: '1100000000000000001',
  audience: 'public',
  ...(n % 3 === 0 && { root: { id: '1400000000000000001', authorId: '1100000000000000002' } }),
})
/** What pushing these entries appends. */
export const textOf = (...posts: readonly number[]): string => posts.map((n) => encodePushed(entryOf(n))).join('')
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

interface Wish {
  readonly truth?: number
  readonly livesMs?: number
}

export type Words = ReturnType<typeof speak>

/** The port in terms of one key. */
export function speak(subject: Subject) {
  function storedOf(payload: string | null, { truth = 1, livesMs = HOUR_MS }: Wish = {}): Stored {
    const now = subject.nowMs()
    const life = {
      softExpiresAtMs: now + Math.ceil(livesMs / 3),
      hardExpiresAtMs: now + Math.ceil(livesMs / 2),
      graceEndsAtMs: now + livesMs,
      deltaMs: 40,
    }
    return { life, truth, stamp: 0, payload }
  }
  async function lease(key: string, loader: number, seen: Partial<Wanted> = {}, leaseMs = LEASE_MS) {
    const wanted = { key, leastTruth: 0, beatsSoftEndMs: subject.nowMs(), seenSoftEndMs: 0, seenStamp: 0, ...seen }
    return (await subject.tier.lease([wanted], tokenOf(loader), leaseMs))[0]
  }
  const fill = async (key: string, loader: number, stored: Stored) => (await subject.tier.fill([{ key, stored }], tokenOf(loader)))[0]
  return {
    storedOf,
    lease,
    fill,
    read: async (key: string) => (await subject.tier.read([key]))[0],
    /** Leases whatever there is, and fills; answers what is stored now. */
    async put(key: string, payload: string | null, wish: Wish = {}): Promise<Stored> {
      const stored = storedOf(payload, wish)
      await lease(key, 99, { beatsSoftEndMs: NEVER_MS })
      const filled = await fill(key, 99, stored)
      if (!filled) throw new Error(`the fill of ${key} was refused`)
      return { ...stored, stamp: filled.stamp, payload: payload === null ? null : payload + filled.pushed }
    },
    async push(key: string, ...posts: readonly number[]) {
      for (const post of posts) await subject.origin.push([entryOf(post)], [{ key, entry: 0 }], MACHINE)
    },
    invalidate: (key: string, truth: number, text?: string) =>
      subject.origin.invalidate([{ key, truth, replacement: text === undefined ? undefined : { text, keepMs: HOUR_MS } }], MACHINE),
  }
}
