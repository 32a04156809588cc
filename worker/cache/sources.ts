import type { Clock } from './clock.ts'
import type { Held, Key } from './entry.ts'
import { createFences } from './fences.ts'
import { headStartBoundMs } from './freshness.ts'
import type { MemoryTier } from './memory-tier.ts'
import type { SharedTier } from './ports.ts'
import type { Turn } from './reader.ts'
import { type Refresh, type Refreshed, readable, type Want } from './refresh.ts'
import { createSingleflight, type Outcome, type Tower } from './singleflight.ts'

/** What a read of the shared tier brought for a key. */
export type SharedRead = { readonly held: Held<unknown> | undefined }

/** Memory, and the two ways to get what it lacks: a read of the shared tier, and a refresh. Each key flies once at a time. */
export interface Sources {
  /** What memory has, or what has just been loaded and is being stored. */
  recall(key: string): Held<unknown> | undefined
  /** Reads the shared tier into memory. */
  read(keys: readonly Key<unknown>[], turn: Turn, patienceMs?: number): Promise<Map<string, Outcome<SharedRead>>>
  /** Refreshes keys; the answers are by the text of the key. */
  refresh(wants: readonly Omit<Want, 'flight'>[], turn: Turn, patienceMs?: number): Promise<Map<string, Outcome<Refreshed>>>
  /** What a read of the shared tier costs, smoothed (milliseconds). */
  readonly sharedTookMs: number
  /** May a replica still be behind what this isolate was told? */
  replicaMayLag(key: string): boolean
  forget(keys: readonly string[]): void
}

interface Parts {
  readonly memory: MemoryTier
  readonly shared: SharedTier
  readonly refresh: Refresh
  readonly clock: Clock
  readonly options: SourceOptions
}

export interface SourceOptions {
  readonly maxAgeMs: number
  readonly beta: number
  /** Longer than a call to the shared tier and a load may take together (milliseconds). */
  readonly flightMs: number
  /** Longer than a read of the shared tier may take (milliseconds). */
  readonly readFlightMs: number
  /** How far replicas of the shared tier may be behind (milliseconds). */
  readonly replicaLagMs: number
  /** Off only to show what it is for. */
  readonly singleflight: boolean
  /** Off only to show what it is for. */
  readonly batching: boolean
  /** Do the loads of several readers travel together? */
  readonly loadsTogether: boolean
}

/** Beyond this a lower truth is no longer put down to a replica, however ill (milliseconds). */
const LONGEST_LAG_MS = 10_000

export function createSources({ memory, shared, refresh, clock, options }: Parts): Sources {
  const common = { clock, enabled: options.singleflight, gathers: options.batching }
  const reads = createSingleflight<Key<unknown>, SharedRead>({ ...common, fly: read, flightMs: options.readFlightMs })
  const loads = createSingleflight<Want, Refreshed>({
    ...common,
    fly: load,
    flightMs: options.flightMs,
    gathers: options.batching && options.loadsTogether,
  })
  const fences = createFences(options, clock)
  let sharedTookMs = 5

  /** Keeps a value in memory unless memory knows better. */
  function remember(key: Key<unknown>, held: Held<unknown>, turn: Turn): void {
    if (fences.fenced(key.text, held.verifiedAtMs)) return
    const known = memory.get(key.text)
    if (known && knowsBetter(known, held)) return
    const quietUntilMs = Math.min(
      held.life.softExpiresAtMs - headStartBoundMs(held.life.deltaMs, options.beta),
      held.verifiedAtMs + options.maxAgeMs - headStartBoundMs(sharedTookMs, options.beta),
    )
    const bytes = weighed(key, held, turn)
    if (bytes === undefined) return
    try {
      memory.set(key.text, { ...held, quietUntilMs }, bytes)
    } catch (error) {
      memory.clear() // near the isolate's limit: an allocation was refused
      turn.observe({ type: 'memory-refused', key: key.text, error })
    }
  }

  /** A lower truth comes from a replica that lags, unless it is younger than any lag: then the row was made anew. */
  const knowsBetter = (known: Held<unknown>, held: Held<unknown>): boolean =>
    (known.truth > held.truth && held.verifiedAtMs < known.verifiedAtMs + LONGEST_LAG_MS) ||
    (known.truth === held.truth && known.verifiedAtMs > held.verifiedAtMs)

  /** What a value weighs; one that cannot be weighed is not kept. */
  function weighed(key: Key<unknown>, held: Held<unknown>, turn: Turn): number | undefined {
    try {
      return held.value === null ? 0 : key.sizeOf(held.value)
    } catch (error) {
      memory.delete(key.text)
      turn.observe({ type: 'memory-refused', key: key.text, error })
      return undefined
    }
  }

  /** The shared tier has nothing: dropped by an invalidation, perhaps. What memory had before is not served any more. */
  function forgetOlder(key: string, startedAtMs: number): void {
    const known = memory.get(key)
    if (known && known.verifiedAtMs + options.replicaLagMs <= startedAtMs) memory.delete(key)
  }

  /** Reads all that boarded in one round trip. */
  async function read(cargo: ReadonlyMap<string, Key<unknown>>, tower: Tower<SharedRead>, leader: Turn): Promise<void> {
    const startedAtMs = clock.nowMs()
    const found = await shared.read([...cargo.keys()]).catch((error: unknown) => {
      leader.observe({ type: 'shared-failed', call: 'read', error })
      throw error
    })
    const tookMs = clock.nowMs() - startedAtMs
    sharedTookMs += (tookMs - sharedTookMs) / 10
    leader.observe({ type: 'shared-read', keys: cargo.size, tookMs })
    let i = 0
    for (const [text, key] of cargo) {
      const stored = found[i++]
      const held = stored && readable(key, stored, startedAtMs, leader.observe, memory.get(text))
      if (held) remember(key, held, leader)
      else if (!stored) forgetOlder(text, startedAtMs)
      tower.land(text, { held })
    }
  }

  function load(cargo: ReadonlyMap<string, Want>, tower: Tower<Refreshed>, leader: Turn): Promise<void> {
    const report = {
      land: ({ flight }: Want, refreshed: Refreshed, lingersMs?: number) => tower.land(flight, refreshed, lingersMs),
      keep: ({ key }: Want, held: Held<unknown>) => remember(key, held, leader),
      settled: ({ flight }: Want) => tower.leave(flight),
      crash: ({ flight }: Want, reason: unknown) => tower.crash(flight, reason),
    }
    return refresh.run([...cargo.values()], report, leader.observe)
  }

  /** Whoever insists on a truth, or comes after a change this isolate was told of, does not board the flight of somebody who would take less. */
  function flightOf({ key, seen, leastTruth }: Omit<Want, 'flight'>): string {
    return nameOf(key.text, leastTruth > (seen?.truth ?? 0) ? leastTruth : undefined)
  }
  /** Up to the first @ there are no letters of the key: no key can have the name of another one's flight. */
  const nameOf = (key: string, insists: number | undefined): string => `${fences.raisedAtMs(key) ?? ''}#${insists ?? ''}@${key}`

  /** What has landed and lingers, unless this isolate was told of a change since; memory holds nothing from before a fence. */
  function landed(key: string): Held<unknown> | undefined {
    const held = loads.size > 0 ? loads.landed(nameOf(key, undefined))?.held : undefined
    return held && !fences.fenced(key, held.verifiedAtMs) ? held : undefined
  }

  return {
    recall: (key) => memory.get(key) ?? landed(key),
    read: (keys, turn, patienceMs) => reads.run(new Map(keys.map((key) => [key.text, key])), turn, patienceMs),
    async refresh(wants, turn, patienceMs) {
      const cargo = new Map(
        wants.map((want) => {
          const flight = flightOf(want)
          return [flight, { ...want, flight }]
        }),
      )
      const outcomes = await loads.run(cargo, turn, patienceMs)
      const byText = new Map<string, Outcome<Refreshed>>()
      for (const [flight, { key }] of cargo) {
        const outcome = outcomes.get(flight)
        if (outcome) byText.set(key.text, outcome)
      }
      return byText
    },
    get sharedTookMs() {
      return sharedTookMs
    },
    replicaMayLag: fences.replicaMayLag,
    forget(keys) {
      for (const key of keys) {
        memory.delete(key)
        fences.raise(key)
      }
    },
  }
}
