import { createRedisTier } from './adapters/redis-tier.ts'
import { type CoreSettings, createCore, DEFAULTS, SHARED_DEADLINE_MS } from './cache/core.ts'
import type { Held, Key, Lifetimes } from './cache/entry.ts'
import type { CacheEvent } from './cache/events.ts'
import { createMemoryTier } from './cache/memory-tier.ts'
import { NO_SHARED_TIER } from './cache/no-shared-tier.ts'
import type { Loaded, SharedTier } from './cache/ports.ts'
import type { Reader, Turn } from './cache/reader.ts'
import { weigh } from './cache/weigh.ts'
import { withNames } from './cache/with-names.ts'
import { clock, newToken, random, timeoutSignal } from './runtime.ts'

/** What a load answers for one key: a value, null for an absence, or that just this key could not be had. */
export type Item<V> =
  | {
      readonly key: string
      /** Null or undefined is an absence. */
      readonly value: V | null | undefined
      /** A whole number that grows with every change of the value: a load that brings less than what is stored is not stored. */
      readonly version?: number
      /** How long this value is to live, where that differs from the rest (milliseconds). */
      readonly lifetimes?: Partial<Lifetimes>
    }
  | { readonly key: string; readonly error: unknown }

interface LoadContext {
  /** Aborts when the load is given up. */
  readonly signal: AbortSignal
}

/** How values are had from the origin: many at once, or one by one. */
type Loader<V> =
  | {
      /**
       * Asks for all of these keys at once, 200 at most; they may be of several readers. A key that is left out is an absence. Rejects when
       * the origin cannot answer.
       */
      readonly load: (keys: readonly string[], context: LoadContext) => Promise<Iterable<Item<V>>>
    }
  | {
      /** Asks for one key; for an origin that knows no other question. No key waits for another's load, nor fails with it. */
      readonly loadOne: (key: string, context: LoadContext) => Promise<V | null | undefined>
    }

interface Options<V> {
  /** How long values live, counted from the start of their load (milliseconds); 30 s, 10 min, 1 h, and 2 s for an absence. */
  readonly lifetimes?: Partial<Lifetimes>
  /** What isolates share: `redisTier`, or any other that passes the conformance suite. Without one each isolate is on its own. */
  readonly shared?: SharedTier
  /** What this cache's memory may hold (bytes): 32 MB of an isolate's 128. */
  readonly memoryBytes?: number
  /** JSON, unless said otherwise; `decode` answers undefined for text it does not know, which is then a miss. */
  readonly encode?: (value: V) => string
  readonly decode?: (text: string) => V | undefined
  /** What a value weighs in memory (bytes); plain data is weighed well enough by itself. */
  readonly sizeOf?: (value: V) => number
  /** Hears of everything the cache does; of what one reader asks twice at a time, once. */
  readonly observe?: (event: CacheEvent) => void
  /** Deadlines, limits, protections; the defaults have their reasons beside them. */
  readonly settings?: Partial<CoreSettings>
}

export type CacheOptions<V> = Options<V> & Loader<V>

/** A read-through cache for one kind of value. Values are shared by all readers of an isolate: do not change them. */
export interface Cache<V> {
  /** The value, or null where there is none. Rejects, with a copy of the load's error, only where nothing may be served. */
  get(key: string, reader: Reader): Promise<V | null>
  /** The values of many keys in one round trip to each layer. What cannot be had is left out: undefined, where an absence is null. */
  getMany(keys: readonly string[], reader: Reader): Promise<Map<string, V | null>>
  /** What memory has and would answer without any work; undefined says nothing about the key. */
  peek(key: string): V | null | undefined
  /**
   * After a write and before it is acknowledged: this isolate serves the old value not once more, others for no longer than their memory's
   * max age. It is carried through though the client leaves. Rejects when the shared tier did not confirm it: then try again, or the old
   * value may live on. Without a shared tier only this isolate hears of it.
   */
  invalidate(keys: readonly string[], reader: Reader): Promise<void>
}

export { DEFAULTS } from './cache/core.ts'
export type { CacheEvent, CoreSettings, Lifetimes, Reader, SharedTier }

const LIFETIMES: Lifetimes = { softMs: 30_000, hardMs: 600_000, graceMs: 3_600_000, absentMs: 2_000 }
const MEMORY_BYTES = 32 * 1024 * 1024

interface RedisOptions {
  /** Of the REST API: Upstash's, or whatever speaks its dialect. */
  readonly url: string
  readonly token: string
  /** In front of every key of this cache; ends with a colon. */
  readonly prefix: string
  /** What one call may take (milliseconds): five times what the same continent needs. */
  readonly deadlineMs?: number
}

/** L2 in Upstash Redis. */
export function redisTier({ prefix, deadlineMs = SHARED_DEADLINE_MS, ...options }: RedisOptions): SharedTier {
  if (!/^.+:$/.test(prefix)) throw new RangeError('prefix: one or more characters, then a colon')
  return withNames(createRedisTier({ ...options, prefix, deadlineMs, timeoutSignal, clock }), (key) => `v:${key}`)
}

export function createCache<V>(options: CacheOptions<V>): Cache<V> {
  const { shared, encode = JSON.stringify, decode = JSON.parse, sizeOf = weigh } = options
  const observe = harmless(options.observe)
  const lifetimes = { ...LIFETIMES, ...checked(options.lifetimes) }
  // Without a shared tier there is nobody to verify by: memory's lives are the only ones.
  const maxAge = shared ? {} : { maxAgeMs: Number.POSITIVE_INFINITY }
  const load = loadOf(options)
  const core = createCore(
    {
      memory: createMemoryTier(options.memoryBytes ?? MEMORY_BYTES),
      shared: shared ?? NO_SHARED_TIER,
      load: async (keys, signal) => Array.from(await load(keys, { signal }), (item) => toLoaded(item, encode)),
      loadsTogether: 'load' in options,
      clock,
      random,
      newToken,
    },
    { ...DEFAULTS, ...options.settings, ...maxAge },
  )
  const toKey = (text: string): Key<V> => ({ text, lifetimes, decode, sizeOf })
  const toTurn = (reader: Reader, dice: number): Turn => ({ reader, leastTruth: undefined, observe: observe ?? ignore, dice })
  /** What each request is asking for: its second question joins the first. */
  let asked = new WeakMap<Reader, Map<string, Promise<V | null>>>()

  async function ask(text: string, reader: Reader, dice: number): Promise<V | null> {
    const key = toKey(text)
    return (await core.read.many([key], toTurn(reader, dice))).need(key).value
  }
  function tell(text: string, { verifiedAtMs, value }: Held<unknown>): Promise<V | null> {
    observe?.({ type: 'hits', keys: [{ text }], oldestAtMs: verifiedAtMs })
    return Promise.resolve(value as V | null)
  }
  function forget(texts: readonly string[]): void {
    core.forget(texts)
    asked = new WeakMap()
  }
  async function drop(texts: readonly string[]): Promise<void> {
    forget(texts)
    try {
      await core.shared.invalidate(texts.map((key) => ({ key, truth: Number.MAX_SAFE_INTEGER })))
    } finally {
      forget(texts) // what was read meanwhile as well
    }
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
    peek: (text) => core.read.peek(text, 0)?.value as V | null | undefined,
    invalidate(texts, reader) {
      const dropped = drop(texts)
      reader.waitUntil(dropped.catch(() => {}))
      return dropped
    },
  }
}

function loadOf<V>(loader: Loader<V>): (keys: readonly string[], context: LoadContext) => Promise<Iterable<Item<V>>> {
  if ('load' in loader) return (keys, context) => loader.load(keys, context)
  return (keys, context) => Promise.all(keys.map(async (key) => ({ key, value: await loader.loadOne(key, context) })))
}

function toLoaded<V>(item: Item<V>, encode: (value: V) => string): Loaded {
  if ('error' in item) return item
  const { key, value, version, lifetimes } = item
  try {
    if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0))
      throw new RangeError(`version ${version} of ${key}: a whole number`)
    return { key, truth: version, payload: value === null || value === undefined ? null : encode(value), lifetimes: checked(lifetimes) }
  } catch (error) {
    return { key, error }
  }
}

/** Lifetimes as they may be: throws where one is no length of time. */
function checked(lifetimes: Partial<Lifetimes> = {}): Partial<Lifetimes> {
  const given = Object.entries(lifetimes).filter(([, ms]) => ms !== undefined)
  for (const [name, ms] of given) {
    if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError(`lifetimes.${name}: ${ms} is no number of milliseconds`)
  }
  return Object.fromEntries(given)
}

const ignore = (): void => {}

/** An observer that throws harms nobody who reads. */
function harmless(observe: ((event: CacheEvent) => void) | undefined): ((event: CacheEvent) => void) | undefined {
  if (!observe) return undefined
  return (event) => {
    try {
      observe(event)
    } catch {}
  }
}
