import type { Backoff } from './backoff.ts'
import type { Breaker } from './breaker.ts'
import type { Clock, Random } from './clock.ts'
import type { Held, Key } from './entry.ts'
import type { Layer, Observe } from './events.ts'
import { createFound, type Found } from './found.ts'
import { type Freshness, freshnessAt } from './freshness.ts'
import type { MemoryTier } from './memory-tier.ts'
import type { SharedTier } from './ports.ts'
import { heldFrom, type Refresh, type Refreshed, type Want } from './refresh.ts'
import { createSingleflight, type Outcome, type Tower } from './singleflight.ts'

/** What one request brings along. */
export interface Turn {
  /** Keeps work alive behind the answer, and when the client leaves (`ctx.waitUntil`). */
  readonly background: (work: Promise<unknown>) => void
  /** The least truth version the reader insists on: read your writes. */
  readonly leastTruth: (key: string) => number
  readonly observe: Observe
}

export interface ReadThrough {
  /** Answers all keys of a turn: one round trip to the shared tier for what memory lacks, one load for what that lacks. */
  many(keys: readonly Key<unknown>[], turn: Turn): Promise<Found>
}

interface Parts {
  readonly memory: MemoryTier
  readonly shared: SharedTier
  readonly refresh: Refresh
  readonly backoff: Backoff
  readonly breaker: Pick<Breaker, 'open'>
  readonly clock: Clock
  readonly random: Random
  readonly options: ReadThroughOptions
}

export interface ReadThroughOptions {
  /** Memory never answers beyond this without asking the shared tier, unless that cannot be reached (milliseconds). */
  readonly maxAgeMs: number
  /** Eagerness of X-Fetch; 0 switches it off. */
  readonly beta: number
  /** Longer than a call to the shared tier and a load may take together (milliseconds). */
  readonly flightMs: number
  /** Longer than a read of the shared tier may take (milliseconds). */
  readonly readFlightMs: number
  /** Off only to show what it is for. */
  readonly singleflight: boolean
}

/** What a read of the shared tier brought for a key. */
type SharedRead = { readonly held: Held<unknown> | undefined }
/** What a reader may fall back on, and where it came from. */
type Seen = Map<string, { readonly held: Held<unknown>; readonly layer: Layer }>

/** How often a reader whose least truth version was not met asks again before it takes what there is. */
const MAX_ROUNDS = 3

/**
 * The read path (docs/architecture.md, Keys of L2 and The scripts): memory, then the shared tier, then a load that the lease gives to
 * one of many. The reader decides what to do from the value: fresh is served; early and stale are served while one load runs behind; in grace it waits for a
 * load and falls back on what it has; dead it waits.
 */
export function createReadThrough({ memory, shared, refresh, backoff, breaker, clock, random, options }: Parts): ReadThrough {
  const reads = createSingleflight<SharedRead>({ clock, flightMs: options.readFlightMs, enabled: options.singleflight })
  const loads = createSingleflight<Refreshed>({ clock, flightMs: options.flightMs, enabled: options.singleflight })
  const passenger = (turn: Turn) => ({ adopt: turn.background, tookOver: (key: string) => turn.observe({ type: 'taken-over', key }) })
  /** What a read of the shared tier costs, smoothed (milliseconds). */
  let sharedTookMs = 5

  const beta = () => (breaker.open || refresh.busy() ? 0 : options.beta)
  const judge = (held: Held<unknown>): Freshness => freshnessAt(held.life, clock.nowMs(), 1 - random(), beta())
  /** Memory's own X-Fetch: the nearer its max age, the likelier a reader has the value verified behind its answer. */
  const wantsVerifying = (held: Held<unknown>): boolean =>
    clock.nowMs() - sharedTookMs * beta() * Math.log(1 - random()) >= held.verifiedAtMs + options.maxAgeMs

  /** Keeps a value in memory unless memory knows better. */
  function remember(key: Key<unknown>, held: Held<unknown>): void {
    const known = memory.get(key.text)
    if (known && (known.truth > held.truth || (known.truth === held.truth && known.verifiedAtMs > held.verifiedAtMs))) return
    memory.set(key.text, held, held.value === null ? 0 : key.sizeOf(held.value))
  }

  /** Reads the shared tier into memory, each key once at a time. */
  function readShared(keys: readonly Key<unknown>[], turn: Turn): Promise<Map<string, Outcome<SharedRead>>> {
    const byText = new Map(keys.map((key) => [key.text, key]))
    const fly = async (texts: readonly string[], tower: { land(text: string, read: SharedRead): void }) => {
      const startedAtMs = clock.nowMs()
      const found = await shared.read(texts).catch((error: unknown) => {
        turn.observe({ type: 'shared-failed', call: 'read', error })
        throw error
      })
      const tookMs = clock.nowMs() - startedAtMs
      sharedTookMs += (tookMs - sharedTookMs) / 10
      turn.observe({ type: 'shared-read', keys: texts.length, tookMs })
      for (const [i, text] of texts.entries()) {
        const key = byText.get(text)
        const stored = found[i]
        const held = key && stored && heldFrom(key, stored, startedAtMs)
        if (key && held) remember(key, held)
        tower.land(text, { held })
      }
    }
    return reads.run([...byText.keys()], fly, passenger(turn))
  }

  /** Refreshes keys, each once at a time. */
  async function load(
    keys: readonly Key<unknown>[],
    how: { readonly seen: Seen; readonly waits: boolean; readonly unreachable: ReadonlySet<string> },
    turn: Turn,
  ): Promise<Map<string, Outcome<Refreshed> | undefined>> {
    const flightOf = (key: Key<unknown>): string => {
      const leastTruth = turn.leastTruth(key.text)
      // Whoever insists on a truth does not board the flight of somebody who would take less.
      return leastTruth > (how.seen.get(key.text)?.held.truth ?? 0) ? `${key.text}@${leastTruth}` : key.text
    }
    const byFlight = new Map(keys.map((key) => [flightOf(key), key]))
    const fly = (flights: readonly string[], tower: Tower<Refreshed>) => {
      const wants = flights.flatMap((flight): Want[] => {
        const key = byFlight.get(flight)
        if (!key) return []
        const seen = how.seen.get(key.text)?.held
        return [{ key, seen, leastTruth: turn.leastTruth(key.text), waits: how.waits, unleased: how.unreachable.has(key.text) }]
      })
      const report = {
        land(key: Key<unknown>, refreshed: Refreshed) {
          if (refreshed.keep) remember(key, refreshed.held)
          tower.land(flightOf(key), refreshed)
        },
        crash: (key: Key<unknown>, reason: unknown) => tower.crash(flightOf(key), reason),
      }
      return refresh.run(wants, report, turn.observe)
    }
    const outcomes = await loads.run([...byFlight.keys()], fly, passenger(turn))
    return new Map([...byFlight].map(([flight, key]) => [key.text, outcomes.get(flight)]))
  }

  return {
    async many(keys, turn) {
      const found = createFound()
      const seen: Seen = new Map()
      const unreachable = new Set<string>()
      const behind: Key<unknown>[] = []
      const verify: Key<unknown>[] = []
      const ask: Key<unknown>[] = []
      const wait: Key<unknown>[] = []
      const enough = (key: Key<unknown>, held: Held<unknown>) => held.truth >= turn.leastTruth(key.text)
      function serve(key: Key<unknown>, held: Held<unknown>, layer: Layer, collapsed: boolean): void {
        const freshness = freshnessAt(held.life, clock.nowMs(), 1, 0)
        const way = { layer, freshness, collapsed, unverified: layer === 'memory' && (breaker.open || unreachable.has(key.text)) }
        turn.observe({ type: 'answered', key: key.text, ...way, verifiedAtMs: held.verifiedAtMs })
        found.give(key, held, way)
      }
      /** Serves what may be served now, has refreshed what should be, and waits for the rest. */
      function settle(key: Key<unknown>, held: Held<unknown>, layer: Layer, collapsed: boolean): void {
        const freshness = judge(held)
        seen.set(key.text, { held, layer })
        if (freshness === 'dead' || (freshness === 'grace' && !backoff.waits(key.text))) return void wait.push(key)
        serve(key, held, layer, collapsed)
        // What the shared tier cannot confirm is loaded behind the answer too: else nobody here would see a change until its soft end.
        if ((freshness === 'fresh' && !unreachable.has(key.text)) || backoff.waits(key.text)) return
        if (freshness === 'early') turn.observe({ type: 'volunteered', key: key.text })
        behind.push(key)
      }
      function waited(layer: 'shared' | 'origin', keys: number, startedAtMs: number): void {
        turn.observe({ type: 'waited', layer, keys, startedAtMs, tookMs: clock.nowMs() - startedAtMs })
      }

      for (const key of new Map(keys.map((key) => [key.text, key])).values()) {
        const held = memory.get(key.text)
        if (!held || !enough(key, held) || clock.nowMs() >= held.verifiedAtMs + options.maxAgeMs) ask.push(key)
        else {
          settle(key, held, 'memory', false)
          if (wantsVerifying(held)) verify.push(key)
        }
      }

      const askedAtMs = clock.nowMs()
      const readings = ask.length > 0 ? await readShared(ask, turn) : new Map<string, Outcome<SharedRead>>()
      if (ask.length > 0) waited('shared', ask.length, askedAtMs)
      for (const key of ask) {
        const outcome = readings.get(key.text)
        const read = outcome && 'value' in outcome ? outcome : undefined
        if (!read) unreachable.add(key.text)
        const held = read ? read.value.held : memory.get(key.text)
        if (held && enough(key, held)) settle(key, held, read ? 'shared' : 'memory', read ? !read.led : false)
        else wait.push(key)
      }

      if (verify.length > 0) turn.background(readShared(verify, turn))
      if (behind.length > 0) turn.background(load(behind, { seen, waits: false, unreachable }, turn))

      // A flight that began before the reader's own write may bring too old a truth: then ask again.
      let rest = wait
      for (let round = 1; rest.length > 0; round++) {
        const startedAtMs = clock.nowMs()
        const outcomes = await load(rest, { seen, waits: true, unreachable }, turn)
        // Where the lease said that somebody had filled L2 meanwhile, nobody waited for the origin.
        const spared = [...outcomes.values()].every((outcome) => outcome && 'value' in outcome && outcome.value.layer === 'shared')
        waited(spared ? 'shared' : 'origin', rest.length, startedAtMs)
        const again: Key<unknown>[] = []
        for (const key of rest) {
          const outcome = outcomes.get(key.text)
          const refreshed = outcome && 'value' in outcome ? outcome : undefined
          const fallback = seen.get(key.text)
          if (refreshed && (round === MAX_ROUNDS || (enough(key, refreshed.value.held) && judge(refreshed.value.held) !== 'dead'))) {
            serve(key, refreshed.value.held, refreshed.value.layer, !refreshed.led)
          } else if (refreshed) again.push(key)
          else if (fallback && judge(fallback.held) !== 'dead') serve(key, fallback.held, fallback.layer, false)
          else found.fail(key, (outcome && 'error' in outcome && outcome.error) || new Error('a key could not be loaded'))
        }
        rest = again
      }
      return found
    },
  }
}
