import { type BackoffRules, createBackoff } from '../../worker/cache/backoff.ts'
import { type BreakerRules, createBreaker } from '../../worker/cache/breaker.ts'
import type { Key, Lifetimes } from '../../worker/cache/entry.ts'
import type { CacheEvent } from '../../worker/cache/events.ts'
import type { Answer, Found } from '../../worker/cache/found.ts'
import { lifetimeFrom } from '../../worker/cache/freshness.ts'
import { createLimiter, type LimiterRules } from '../../worker/cache/limiter.ts'
import { createMemoryTier, type MemoryTier } from '../../worker/cache/memory-tier.ts'
import type { Load, SharedTier } from '../../worker/cache/ports.ts'
import { createReadThrough, type ReadThroughOptions } from '../../worker/cache/read-through.ts'
import { createRefresh, type RefreshOptions } from '../../worker/cache/refresh.ts'
import { createSources, type SourceOptions } from '../../worker/cache/sources.ts'
import { withBreaker } from '../../worker/cache/with-breaker.ts'
import { createMemorySharedTier } from './memory-shared-tier.ts'
import { mulberry32 } from './random.ts'
import { createVirtualClock } from './virtual-clock.ts'

/** Lives of every key in this world (milliseconds). */
export const TTL: Lifetimes = { softMs: 10_000, hardMs: 60_000, graceMs: 600_000, absentMs: 2_000 }
/** How long a load takes unless told otherwise (milliseconds). */
export const LOAD_MS = 100
export const MAX_AGE_MS = 2_000
export const WAIT_MS = 2_000
export const RETRY_MS = 250
const PROTECTED = { singleflight: true, batching: true, loadsTogether: true }

/** A key whose values are text; text that starts with '?' is in a format it does not know, and with '!' breaks its decoder. */
export const keyOf = (text: string): Key<string> => ({
  text,
  lifetimes: TTL,
  decode(payload) {
    if (payload.startsWith('!')) throw new SyntaxError('broken')
    return payload.startsWith('?') ? undefined : payload
  },
  sizeOf: (value) => 2 * value.length,
})

/** What differs from `worker/wiring.ts`; X-Fetch is off unless a test is about it. */
interface IsolateOptions extends Partial<ReadThroughOptions>, Partial<RefreshOptions>, Partial<SourceOptions> {
  readonly backoff?: BackoffRules
  readonly breaker?: BreakerRules
  readonly limiter?: LimiterRules
  /** Stands between this isolate and the shared tier. */
  readonly through?: (tier: SharedTier) => SharedTier
}

export type World = ReturnType<typeof createCacheWorld>
export type Isolate = ReturnType<World['isolate']>

/** Isolates around one shared tier and one origin, on one clock that only the test advances. */
export function createCacheWorld(seed = 1) {
  const clock = createVirtualClock()
  const tier = createMemorySharedTier(clock)
  const random = mulberry32(seed)
  const rows = new Map<string, { readonly truth: number; readonly payload: string; readonly lifetimes: Partial<Lifetimes> | undefined }>()
  const runningOf = new Map<string, number>()
  const mostOf = new Map<string, number>()
  let tokens = 0

  const origin = {
    latencyMs: LOAD_MS,
    down: false,
    /** Keys that cannot be loaded though others can. */
    failing: new Set<string>(),
    /** The keys of each load, in the order they began. */
    loads: [] as (readonly string[])[],
    /** Loads in the air now, and the most there ever were. */
    running: 0,
    most: 0,
    /** The same of one key. */
    mostOf: (key: string): number => mostOf.get(key) ?? 0,
    /** Commits a new truth; answers its version. Caches are not told. */
    write(key: string, payload: string, lifetimes?: Partial<Lifetimes>): number {
      const truth = (rows.get(key)?.truth ?? 0) + 1
      rows.set(key, { truth, payload, lifetimes })
      return truth
    },
    /** Removes a row, and its version with it. */
    drop: (key: string): boolean => rows.delete(key),
    /** Commits, and drops what the shared tier has, as the origin does before it acknowledges. */
    async publish(key: string, payload: string): Promise<number> {
      const truth = origin.write(key, payload)
      await clock.until(tier.invalidate([{ key, truth }]))
      return truth
    },
    loadsOf: (key: string): number => origin.loads.filter((keys) => keys.includes(key)).length,
  }
  const load: Load = async (keys) => {
    origin.loads.push(keys)
    origin.most = Math.max(origin.most, ++origin.running)
    for (const key of keys) {
      const now = (runningOf.get(key) ?? 0) + 1
      runningOf.set(key, now)
      mostOf.set(key, Math.max(now, origin.mostOf(key)))
    }
    // What was true when the load began: the write that overtakes it is what the protocol is about.
    const found = keys.flatMap((key) => ({ key, truth: 0, payload: null, ...rows.get(key) }))
    await clock.sleep(origin.latencyMs)
    origin.running--
    for (const key of keys) runningOf.set(key, (runningOf.get(key) ?? 0) - 1)
    if (origin.down) throw new Error('the origin is down')
    return found.flatMap((one) => {
      if (origin.failing.has(one.key)) return { key: one.key, error: new Error(`${one.key} is broken`) }
      return one.payload === null ? [] : one
    })
  }

  function isolate(options: IsolateOptions = {}) {
    const events: CacheEvent[] = []
    const behind: Promise<unknown>[] = []
    const memory = createMemoryTier(16 * 1024 * 1024)
    let refusals = 0
    const strained: MemoryTier = {
      ...memory,
      set(key, held, valueBytes) {
        if (refusals-- > 0) throw new RangeError('Array buffer allocation failed')
        memory.set(key, held, valueBytes)
      },
    }
    const breaker = createBreaker(options.breaker ?? { failures: 5, openMs: 1_000 }, clock)
    const backoff = createBackoff(options.backoff ?? { firstMs: RETRY_MS, maxMs: 900, refusedMs: 50 }, clock, () => 0)
    const shared = withBreaker(options.through?.(tier) ?? tier, breaker)
    const limiter = createLimiter(options.limiter ?? { max: 32, waitMs: 1_000, holdMs: 60_000 }, clock, random)
    const newToken = () => String(++tokens).padStart(22, 't')
    const rules = { loadDeadlineMs: 2_000, leaseMs: 3_000, waitMs: WAIT_MS, pollMs: 20, lease: true, loadsTogether: true, ...options }
    const refresh = createRefresh({ shared, load, limiter, backoff, clock, random, newToken, options: rules })
    const bringing = { maxAgeMs: MAX_AGE_MS, beta: 0, flightMs: 6_500, readFlightMs: 1_000, replicaLagMs: 1_000, ...PROTECTED, ...options }
    const sources = createSources({ memory: strained, shared, refresh, clock, options: bringing })
    const reading = {
      leases: true,
      maxAgeMs: MAX_AGE_MS,
      beta: 0,
      sharedSoftMs: 100,
      sharedSoftAgeMs: 2 * MAX_AGE_MS,
      loadSoftMs: 500,
      ...options,
    }
    const busy = () => limiter.full
    const read = createReadThrough({ sources, backoff, busy, breaker, clock, options: reading })
    const reader = { waitUntil: (work: Promise<unknown>) => void behind.push(work) }

    /** Begins a turn. */
    const turn = (keys: readonly (string | Key<string>)[], leastTruth: number | ((key: string) => number) = 0): Promise<Found> =>
      read.many(
        keys.map((key) => (typeof key === 'string' ? keyOf(key) : key)),
        {
          reader,
          dice: random(),
          leastTruth: typeof leastTruth === 'number' ? () => leastTruth : leastTruth,
          observe: (event) => void events.push(event),
        },
      )
    /** Begins to read one key. */
    const begin = async (key: string, leastTruth = 0): Promise<Answer<string>> => (await turn([key], leastTruth)).need(keyOf(key))
    return {
      events,
      memory,
      forget: sources.forget,
      /** The next values find no room. */
      refuseAllocations(count: number) {
        refusals = count
      },
      turn,
      begin,
      /** Reads one key, and lets the time pass that this takes; what runs behind the answer goes on. */
      read: (key: string, leastTruth = 0): Promise<Answer<string>> => clock.until(begin(key, leastTruth)),
      /** Reads a key whose weigher fails. */
      async readUnweighable(key: string): Promise<Answer<string>> {
        const unweighable: Key<string> = { ...keyOf(key), sizeOf: () => JSON.parse('') }
        const turn = { reader, dice: 0, leastTruth: undefined, observe: (event: CacheEvent) => void events.push(event) }
        return (await clock.until(read.many([unweighable], turn))).need(unweighable)
      },
      /** Lets everything end that runs behind answers. */
      settled: () => clock.until(Promise.all(behind)),
      eventsOf: <T extends CacheEvent['type']>(type: T) =>
        events.filter((event): event is Extract<CacheEvent, { type: T }> => event.type === type),
    }
  }

  return {
    clock,
    tier,
    origin,
    isolate,
    /** Milliseconds that pass until `work` is done. */
    async timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
      const startedAtMs = clock.nowMs()
      const value = await clock.until(work)
      return { value, tookMs: clock.nowMs() - startedAtMs }
    },
    /** Puts a payload into the shared tier alone, whatever it says. */
    async put(key: string, payload: string, truth = 0): Promise<void> {
      const token = String(++tokens).padStart(22, 't')
      await tier.lease([{ key, leastTruth: 0, beatsSoftEndMs: Number.MAX_SAFE_INTEGER, seenSoftEndMs: 0, seenStamp: 0 }], token, 1_000)
      const stored = { life: lifetimeFrom(TTL, false, clock.nowMs(), LOAD_MS, 0), truth, stamp: 0, payload }
      await tier.fill([{ key, stored }], token)
      tier.calls.length = 0
    },
    /** Calls of a kind the shared tier has had. */
    calls: (call: (typeof tier.calls)[number]['call']): number => tier.calls.filter((one) => one.call === call).length,
    /** Puts a value into the origin and, by one reader, into the shared tier; no isolate but that reader's remembers it. */
    async warm(key: string, payload: string): Promise<void> {
      origin.write(key, payload)
      await isolate().read(key)
      origin.loads.length = 0
      tier.calls.length = 0
    },
  }
}
