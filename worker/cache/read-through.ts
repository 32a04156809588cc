import type { Backoff } from './backoff.ts'
import type { Breaker } from './breaker.ts'
import type { Clock } from './clock.ts'
import { copyOf } from './copy-error.ts'
import type { Held, Key } from './entry.ts'
import type { Layer } from './events.ts'
import { createFound, type Found, type Gathered } from './found.ts'
import { type Freshness, freshnessAt } from './freshness.ts'
import type { Turn } from './reader.ts'
import type { Want } from './refresh.ts'
import type { Outcome } from './singleflight.ts'
import type { SharedRead, Sources } from './sources.ts'

export interface ReadThrough {
  /** Answers all keys of a turn: one round trip to the shared tier for what memory lacks, one load for what that lacks. */
  many(keys: readonly Key<unknown>[], turn: Turn): Promise<Found>
  /** The same for a caller to whom `quiet` has just said no. */
  ask(keys: readonly Key<unknown>[], turn: Turn): Promise<Found>
  /**
   * The same where memory answers them all, fresh and verified, and no dice say that a value is to be refreshed: the values by the place of
   * their keys, at once. Otherwise undefined, and nothing was told or begun.
   */
  quiet(keys: readonly Key<unknown>[], turn: Turn): readonly Held<unknown>[] | undefined
  /** Does memory still hold what `quiet` answered, just as it was, and needs none of it a thought? For a reader who insists on nothing. */
  still(held: readonly Held<unknown>[]): boolean
  /**
   * The same for one key and a reader who insists on nothing, with that reader's dice; nobody is told. Without dice only what needs none
   * is answered.
   */
  peek(key: string, dice?: number): Held<unknown> | undefined
}

interface Parts {
  readonly sources: Sources
  readonly backoff: Backoff
  /** Is the bulkhead full? */
  readonly busy: () => boolean
  readonly breaker: Pick<Breaker, 'open' | 'halfOpen'>
  readonly clock: Clock
  readonly options: ReadThroughOptions
}

export interface ReadThroughOptions {
  /** Memory never answers beyond this without asking the shared tier, unless that cannot be reached (milliseconds). */
  readonly maxAgeMs: number
  /** Eagerness of X-Fetch; 0 switches it off. */
  readonly beta: number
  /** A reader who has something within its hard TTL waits no longer than this for the shared tier (milliseconds) ... */
  readonly sharedSoftMs: number
  /** ... as long as that was verified no longer ago than this (milliseconds): a slow tier is no reason to answer what is long untrue. */
  readonly sharedSoftAgeMs: number
  /** A reader who has something in grace waits no longer than this for a load (milliseconds). */
  readonly loadSoftMs: number
  /** Is there a shared tier that gives leases? */
  readonly leases: boolean
}

/** What a reader may fall back on, and where it came from. */
interface Seen {
  readonly held: Held<unknown>
  readonly layer: Layer
}

/** One turn while it is being answered. */
interface Reading {
  readonly startedAtMs: number
  readonly turn: Turn
  readonly found: Gathered
  readonly seen: Map<string, Seen>
  /** Keys the shared tier was not able to answer. */
  readonly unreachable: Set<string>
  /** Keys the shared tier has not answered yet. */
  readonly late: Set<string>
  /** To be refreshed behind the answer. */
  readonly behind: Key<unknown>[]
  /** To be waited for. */
  readonly wait: Key<unknown>[]
}

/** How often a reader whose least truth version was not met asks again before it takes what there is. */
const MAX_ROUNDS = 3
/** How a quiet hit was answered. */
const QUIET = { layer: 'memory', freshness: 'fresh', collapsed: false, unverified: false } as const

/**
 * The read path (docs/cache.md): memory, then the shared tier, then a load that the lease gives to one of many. The reader decides what to
 * do from the value: fresh is served; early and stale are served while one load runs behind; in grace it waits for a load and falls back on
 * what it has; dead it waits.
 */
export function createReadThrough({ sources, backoff, busy, breaker, clock, options }: Parts): ReadThrough {
  const turnMs = clock.turnMs ?? clock.nowMs
  const beta = () => (breaker.open || busy() ? 0 : options.beta)
  const judge = (held: Held<unknown>, { dice }: Turn): Freshness => freshnessAt(held.life, clock.nowMs(), 1 - dice, beta())
  /** How far ahead a reader looks, in units of what a refresh takes. */
  const headStart = (dice: number): number => beta() * -Math.log(1 - dice)
  /** Is a value within memory's max age for a reader who looks so far ahead? Memory's own X-Fetch: the nearer its end, the likelier not. */
  const isYoung = ({ verifiedAtMs }: Held<unknown>, nowMs: number, head: number): boolean =>
    nowMs + sources.sharedTookMs * head < verifiedAtMs + options.maxAgeMs
  /** Nothing is due for a value, by a reader who looks so far ahead: neither its refresh nor to have it verified. */
  const isCalm = (held: Held<unknown>, nowMs: number, head: number): boolean =>
    nowMs + held.life.deltaMs * head < held.life.softExpiresAtMs && isYoung(held, nowMs, head)
  const isUsable = (held: Held<unknown>): boolean => clock.nowMs() < held.life.hardExpiresAtMs
  const isRecent = (held: Held<unknown>): boolean => clock.nowMs() < held.verifiedAtMs + options.sharedSoftAgeMs
  const isDead = (held: Held<unknown>): boolean => clock.nowMs() >= held.life.graceEndsAtMs
  const enough = (key: Key<unknown>, held: Held<unknown>, turn: Turn): boolean =>
    turn.leastTruth === undefined || held.truth >= turn.leastTruth(key.text)

  /** May this reader go without it? Not where they insist on it. */
  const isDispensable = ({ need, text }: Key<unknown>, turn: Turn): boolean => need === 'optional' && !turn.leastTruth?.(text)

  function serve(reading: Reading, key: Key<unknown>, { held, layer }: Seen, collapsed: boolean): void {
    const { turn, found, unreachable, late } = reading
    const freshness = freshnessAt(held.life, clock.nowMs(), 1, 0)
    const unverified = layer === 'memory' && (breaker.open || unreachable.has(key.text) || late.has(key.text))
    const way = { layer, freshness, collapsed, unverified }
    turn.observe({ type: 'answered', key: key.text, ...way, verifiedAtMs: held.verifiedAtMs })
    found.give(key, held, way)
  }

  /** Serves what may be served now, has refreshed what should be, and waits for the rest. */
  function settle(reading: Reading, key: Key<unknown>, known: Seen, collapsed: boolean): void {
    const freshness = judge(known.held, reading.turn)
    reading.seen.set(key.text, known)
    if (freshness === 'dead' || (freshness === 'grace' && !backoff.waits(key.text))) return void reading.wait.push(key)
    serve(reading, key, known, collapsed)
    // What the shared tier cannot confirm is loaded behind the answer too: else nobody here would see a change until its soft end.
    if ((freshness === 'fresh' && !reading.unreachable.has(key.text)) || backoff.rests(key.text)) return
    if (freshness === 'early') reading.turn.observe({ type: 'volunteered', key: key.text })
    reading.behind.push(key)
  }

  /** Answers from memory; returns the keys that the shared tier is to be asked for. */
  function recall(reading: Reading, keys: Iterable<Key<unknown>>): Key<unknown>[] {
    const ask: Key<unknown>[] = []
    const verify: Key<unknown>[] = []
    for (const key of keys) {
      const held = sources.recall(key.text)
      if (held && enough(key, held, reading.turn) && isYoung(held, clock.nowMs(), 0)) {
        settle(reading, key, { held, layer: 'memory' }, false)
        const isDue = !isYoung(held, clock.nowMs(), headStart(reading.turn.dice))
        if (isDue && !sources.replicaMayLag(key.text)) verify.push(key)
      } else if (sources.replicaMayLag(key.text)) reading.wait.push(key)
      else ask.push(key)
    }
    if (verify.length > 0) reading.turn.reader.waitUntil(sources.read(verify, reading.turn))
    return ask
  }

  /** Answers from the shared tier, as far as it can be asked. While it is ill, nobody waits for it: who finds out runs behind an answer. */
  async function consult(reading: Reading, ask: readonly Key<unknown>[]): Promise<void> {
    const { turn, unreachable, late } = reading
    const canDoWithout = (key: Key<unknown>): boolean => {
      if (isDispensable(key, turn)) return true
      const held = sources.recall(key.text)
      if (key.need === 'proof' || held === undefined || !enough(key, held, turn)) return false
      return isUsable(held) && isRecent(held)
    }
    let readings: ReadonlyMap<string, Outcome<SharedRead>> | undefined
    if (!breaker.open) {
      const startedAtMs = clock.nowMs()
      readings = await sources.read(ask, turn, ask.every(canDoWithout) ? options.sharedSoftMs : undefined)
      turn.observe({ type: 'waited', layer: 'shared', keys: ask.length, startedAtMs, tookMs: clock.nowMs() - startedAtMs })
    } else if (breaker.halfOpen) turn.reader.waitUntil(sources.read(ask, turn))
    for (const key of ask) {
      const outcome = readings?.get(key.text)
      const read = outcome && 'value' in outcome ? outcome : undefined
      if (readings && !outcome) late.add(key.text)
      else if (!read) unreachable.add(key.text)
      const held = read ? read.value.held : sources.recall(key.text)
      const proves = read !== undefined || key.need !== 'proof'
      if (!held || !proves || !enough(key, held, turn)) reading.wait.push(key)
      else if (!read && !isRecent(held) && !backoff.waits(key.text)) {
        reading.seen.set(key.text, { held, layer: 'memory' })
        reading.wait.push(key)
      } else settle(reading, key, { held, layer: read ? 'shared' : 'memory' }, read ? !read.led : false)
    }
  }

  /** What may be gone without is loaded behind the answer, unless the reader insists on it or waits for something else anyway. */
  function excuse(reading: Reading): void {
    const { wait, behind, turn, seen } = reading
    if (!wait.every((key) => isDispensable(key, turn))) return
    for (const key of wait.splice(0)) {
      const known = seen.get(key.text)
      if (known && !isDead(known.held)) serve(reading, key, known, false)
      if (!backoff.rests(key.text)) behind.push(key)
    }
  }

  const toWant = ({ turn, seen, unreachable }: Reading, key: Key<unknown>, waits: boolean): Omit<Want, 'flight'> => ({
    key,
    seen: seen.get(key.text)?.held,
    leastTruth: turn.leastTruth?.(key.text) ?? 0,
    waits,
    unleased: unreachable.has(key.text),
  })

  /** A key whose load has just failed, where no lease makes it rest for all: the same error, and not a load by each reader. */
  function failsFast({ found, seen, unreachable }: Reading, key: Key<unknown>): boolean {
    const known = seen.get(key.text)
    if (!backoff.waits(key.text) || (known && !isDead(known.held)) || (options.leases && !unreachable.has(key.text))) return false
    found.fail(key, copyOf(backoff.reason(key.text)))
    return true
  }

  /** Waits for loads. A flight that began before the reader's own write may bring too old a truth: then it asks again. */
  async function awaitLoads(reading: Reading): Promise<void> {
    const { turn, seen, found } = reading
    const fallbackOf = (key: Key<unknown>): Seen | undefined => {
      const known = seen.get(key.text)
      return known && !isDead(known.held) ? known : undefined
    }
    let rest: readonly Key<unknown>[] = reading.wait.filter((key) => !failsFast(reading, key))
    for (let round = 1; rest.length > 0; round++) {
      const startedAtMs = clock.nowMs()
      const hasFallback = rest.every((key) => fallbackOf(key) !== undefined || isDispensable(key, turn))
      const outcomes = await sources.refresh(
        rest.map((key) => toWant(reading, key, true)),
        turn,
        hasFallback ? options.loadSoftMs : undefined,
      )
      // Where the lease said that somebody had filled L2 meanwhile, nobody waited for the origin.
      const spared = rest.every((key) => {
        const outcome = outcomes.get(key.text)
        return outcome && 'value' in outcome && outcome.value.layer === 'shared'
      })
      turn.observe({
        type: 'waited',
        layer: spared ? 'shared' : 'origin',
        keys: rest.length,
        startedAtMs,
        tookMs: clock.nowMs() - startedAtMs,
      })
      const again: Key<unknown>[] = []
      for (const key of rest) {
        const outcome = outcomes.get(key.text)
        const fallback = fallbackOf(key)
        if (outcome && 'value' in outcome) {
          const { held, layer } = outcome.value
          // What was loaded since the reader came is as good as it gets, however short its life.
          const good = enough(key, held, turn) && (!isDead(held) || held.verifiedAtMs >= reading.startedAtMs)
          if (good || round >= MAX_ROUNDS) serve(reading, key, { held, layer }, !outcome.led)
          else again.push(key)
        } else if (fallback) serve(reading, key, fallback, false)
        else if (outcome) found.fail(key, outcome.error)
        else if (!isDispensable(key, turn)) again.push(key) // what it could have fallen back on has died while it waited
      }
      rest = again
    }
  }

  async function ask(keys: readonly Key<unknown>[], turn: Turn): Promise<Found> {
    const found = createFound()
    const reading: Reading = {
      startedAtMs: clock.nowMs(),
      turn,
      found,
      seen: new Map(),
      unreachable: new Set(),
      late: new Set(),
      behind: [],
      wait: [],
    }
    const lacking = recall(reading, distinct(keys))
    if (lacking.length > 0) await consult(reading, lacking)
    if (reading.wait.length > 0) excuse(reading)
    if (reading.behind.length > 0) {
      const wants = reading.behind.map((key) => toWant(reading, key, false))
      turn.reader.waitUntil(sources.refresh(wants, turn))
    }
    if (reading.wait.length > 0) await awaitLoads(reading)
    return found
  }

  /** One clock for all keys, and logarithms only where one is near an end. */
  function quiet(keys: readonly Key<unknown>[], turn: Turn): readonly Held<unknown>[] | undefined {
    if (breaker.open || keys.length === 0) return undefined // with the breaker open every answer says that it is unverified
    const nowMs = clock.nowMs()
    const all: Held<unknown>[] = []
    let head: number | undefined
    let oldestAtMs = Number.POSITIVE_INFINITY
    for (const key of keys) {
      const held = sources.recall(key.text)
      if (!held || !enough(key, held, turn)) return undefined
      if (nowMs >= held.quietUntilMs) {
        head ??= headStart(turn.dice)
        if (!isCalm(held, nowMs, head)) return undefined
      }
      if (held.verifiedAtMs < oldestAtMs) oldestAtMs = held.verifiedAtMs
      all.push(held)
    }
    turn.observe({ type: 'hits', keys, oldestAtMs })
    return all
  }

  return {
    ask,
    quiet,
    still(held) {
      if (breaker.open) return false
      const nowMs = turnMs()
      for (let i = 0; i < held.length; i++) {
        const one = held[i]
        if (one?.gone !== false || nowMs >= one.quietUntilMs) return false
      }
      return true
    },
    peek(key, dice) {
      const held = sources.recall(key)
      if (!held || breaker.open) return undefined
      const nowMs = turnMs()
      return nowMs < held.quietUntilMs || (dice !== undefined && isCalm(held, nowMs, headStart(dice))) ? held : undefined
    },
    async many(keys, turn) {
      const asked = distinct(keys)
      const hits = quiet(asked, turn)
      if (!hits) return ask(asked, turn)
      const found = createFound()
      for (const [i, key] of asked.entries()) found.give(key, hits[i] as Held<unknown>, QUIET)
      return found
    },
  }
}

const distinct = (keys: readonly Key<unknown>[]): readonly Key<unknown>[] => [...new Map(keys.map((key) => [key.text, key])).values()]
