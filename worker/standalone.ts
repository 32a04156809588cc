import { createRedisTier } from './adapters/redis-tier.ts'
import { type CoreSettings, createCore, DEFAULTS } from './cache/core.ts'
import type { Held, Key, Lifetimes } from './cache/entry.ts'
import type { CacheEvent } from './cache/events.ts'
import { createMemoryTier } from './cache/memory-tier.ts'
import { NO_SHARED_TIER } from './cache/no-shared-tier.ts'
import type { Loaded, SharedTier } from './cache/ports.ts'
import type { Reader, Turn } from './cache/reader.ts'
import { weigh } from './cache/weigh.ts'
import { clock, newToken, random, timeoutSignal } from './runtime.ts'

/** What a load answers for one key; `null` is an absence, and so is a key that is left out. */
export interface Item<V> {
  readonly key: string
  readonly value: V | null
  /** A version that grows with every change of the value: a fill with a lower one than what is stored is refused. */
  readonly truth?: number
  /** How long this value is to live, where that differs from the rest (milliseconds). */
  readonly lifetimes?: Partial<Lifetimes>
}

export interface CacheOptions<V> {
  /** Asks the origin for all of these keys at once. Rejects when it cannot answer; is given up when the signal says so. */
  readonly load: (keys: readonly string[], context: { readonly signal: AbortSignal }) => Promise<Iterable<Item<V>>>
  /** How long values live, counted from the start of their load (milliseconds); 30 s, 10 min, 1 h, and 2 s for an absence. */
  readonly lifetimes?: Partial<Lifetimes>
  /** What isolates share: `redisTier`, or any other that passes the conformance suite. Without one each isolate is on its own. */
  readonly shared?: SharedTier
  /** What memory may hold (bytes): 32 MB of an isolate's 128. */
  readonly memoryBytes?: number
  /** JSON, unless said otherwise; `decode` answers undefined for text it does not know, which is then a miss. */
  readonly encode?: (value: V) => string
  readonly decode?: (text: string) => V | undefined
  /** What a value weighs in memory (bytes); plain data is weighed well enough by itself. */
  readonly sizeOf?: (value: V) => number
  /** Hears of everything the cache does. */
  readonly observe?: (event: CacheEvent) => void
  /** Deadlines, limits, protections; the defaults have their reasons beside them. */
  readonly settings?: Partial<CoreSettings>
}

/** A read-through cache for one kind of value. Values are shared by all readers of an isolate: do not change them. */
export interface Cache<V> {
  /** The value, or null where there is none. Rejects only where nothing may be served and the load failed. */
  get(key: string, reader: Reader): Promise<V | null>
  /** The values of many keys, in one round trip to each layer; what cannot be had is left out. */
  getMany(keys: readonly string[], reader: Reader): Promise<Map<string, V | null>>
  /** What memory has and would answer without any work; undefined says nothing about the key. */
  peek(key: string): V | null | undefined
  /**
   * After a write, and before it is acknowledged: no isolate serves the old value for longer than its memory's max age, this one not at
   * all. Rejects when the shared tier did not confirm it: then try again, or the old value may live on.
   */
  invalidate(keys: readonly string[]): Promise<void>
}

export type { CacheEvent, CoreSettings, Lifetimes, Reader, SharedTier }

const LIFETIMES: Lifetimes = { softMs: 30_000, hardMs: 600_000, graceMs: 3_600_000, absentMs: 2_000 }

/** L2 in Upstash Redis, or behind whatever speaks its REST dialect. The prefix keeps this cache's keys apart. */
export const redisTier = (options: {
  readonly url: string
  readonly token: string
  readonly prefix: string
  readonly deadlineMs?: number
}): SharedTier => createRedisTier({ deadlineMs: DEFAULTS.sharedDeadlineMs, ...options, timeoutSignal, clock })

export function createCache<V>(options: CacheOptions<V>): Cache<V> {
  const { load, observe = () => {}, shared, encode = JSON.stringify, decode = JSON.parse, sizeOf = weigh } = options
  const lifetimes = { ...LIFETIMES, ...options.lifetimes }
  // Without a shared tier there is nobody to verify by: memory's lives are the only ones.
  const maxAge = shared ? {} : { maxAgeMs: Number.POSITIVE_INFINITY }
  const core = createCore(
    {
      memory: createMemoryTier(options.memoryBytes ?? 32 * 1024 * 1024),
      shared: shared ?? NO_SHARED_TIER,
      async load(keys, signal) {
        const items = await load(keys, { signal })
        return Array.from(items, ({ key, value, truth = 0, lifetimes }): Loaded => {
          return { key, truth, payload: value === null ? null : encode(value), lifetimes }
        })
      },
      clock,
      random,
      newToken,
    },
    { ...DEFAULTS, ...maxAge, ...options.settings },
  )
  const toKey = (text: string): Key<V> => ({ text, lifetimes, decode, sizeOf })
  const toTurn = (reader: Reader, dice: number): Turn => ({ reader, leastTruth: undefined, observe, dice })
  /** What each request is asking for: its second question joins the first. */
  const asked = new WeakMap<Reader, Map<string, Promise<V | null>>>()

  async function ask(text: string, reader: Reader, dice: number): Promise<V | null> {
    const key = toKey(text)
    return (await core.read.many([key], toTurn(reader, dice))).need(key).value
  }
  function tell(text: string, { verifiedAtMs, value }: Held<unknown>): Promise<V | null> {
    options.observe?.({ type: 'hits', keys: [{ text }], oldestAtMs: verifiedAtMs })
    return Promise.resolve(value as V | null)
  }

  return {
    get(text, reader) {
      const quiet = core.read.peek(text)
      if (quiet) return tell(text, quiet)
      const dice = random()
      const calm = core.read.peek(text, dice)
      if (calm) return tell(text, calm)
      const asking = asked.get(reader) ?? new Map<string, Promise<V | null>>()
      asked.set(reader, asking)
      let answer = asking.get(text)
      if (!answer) {
        answer = ask(text, reader, dice).finally(() => asking.delete(text))
        asking.set(text, answer)
      }
      return answer
    },
    async getMany(texts, reader) {
      const keys = texts.map(toKey)
      const found = await core.read.many(keys, toTurn(reader, random()))
      const values = new Map<string, V | null>()
      for (const key of keys) {
        const answer = found.get(key)
        if (answer) values.set(key.text, answer.value)
      }
      return values
    },
    peek: (text) => core.read.peek(text)?.value as V | null | undefined,
    async invalidate(texts) {
      core.forget(texts)
      try {
        await core.shared.invalidate(texts.map((key) => ({ key, truth: Number.MAX_SAFE_INTEGER })))
      } finally {
        core.forget(texts) // what was read meanwhile as well
      }
    },
  }
}
