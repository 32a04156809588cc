import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { addLayers, type Layers, NO_LAYERS } from './layers.ts'

export const READS = ['open', 'scroll', 'refresh', 'author', 'post'] as const
/** What a request was for. Readers make the first five and `write`; `probe` watches for a post, `check` compares feeds at the end. */
export type Kind = (typeof READS)[number] | 'write' | 'probe' | 'check'

/** A request that was answered, or failed. */
export interface Answered {
  readonly kind: Kind
  /** Of the end, since the run began. */
  readonly atMs: number
  readonly tookMs: number
  /** The slug of its problem, or why there was no answer. */
  readonly problem?: string | undefined
  readonly layers?: Layers | undefined
  /** Why the answer may be less than it should be. */
  readonly degraded: readonly string[]
  /** How often it waited for the origin. */
  readonly originWaits: number
}

/** Of requests that were answered as they should be; those that failed are counted elsewhere. */
export interface Latency {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** A part of the run and what readers did in it. */
export interface Interval {
  readonly atS: number
  readonly lengthS: number
  readonly reads: number
  readonly writes: number
  readonly layers: Layers
  readonly latency: Latency | undefined
}

/** Problems that real readers meet without anything being wrong: a post was deleted while they looked at it. */
const EXPECTED = new Set(['gone'])

type Counted = { requests: number; layers: Layers; originWaits: number; histogram: RecordableHistogram }
const counted = (figures: number): Counted => ({
  requests: 0,
  layers: NO_LAYERS,
  originWaits: 0,
  // Microseconds up to a minute; constant memory however long the run is.
  histogram: createHistogram({ lowest: 1, highest: 60_000_000, figures }),
})

export type Measures = ReturnType<typeof createMeasures>

/** Counts what clients see, independently of what the worker counts about itself. */
export function createMeasures(intervalMs: number) {
  const kinds = new Map<Kind, Counted>()
  const intervals = new Map<number, { reads: Counted; writes: number }>()
  const problems = new Map<string, number>()
  const degradations = new Map<string, number>()
  const tally = { late: 0, dropped: 0, retried: 0, notModified: 0 }
  const isRead = (kind: Kind) => READS.some((read) => read === kind)

  function note({ kind, atMs, tookMs, problem, layers, degraded, originWaits }: Answered): void {
    const into = kinds.get(kind) ?? counted(3)
    kinds.set(kind, into)
    const place = Math.floor(atMs / intervalMs)
    const interval = intervals.get(place) ?? { reads: counted(2), writes: 0 }
    if (isRead(kind) || kind === 'write') intervals.set(place, interval)
    if (kind === 'write') interval.writes += 1
    for (const one of isRead(kind) ? [into, interval.reads] : [into]) {
      one.requests += 1
      one.originWaits += originWaits
      if (layers) one.layers = addLayers(one.layers, layers)
      if (problem === undefined || EXPECTED.has(problem)) one.histogram.record(Math.max(1, Math.round(tookMs * 1_000)))
    }
    if (problem !== undefined) raise(problems, problem)
    for (const reason of degraded) raise(degradations, reason)
  }

  /** What requests of these kinds came to; of all kinds when none are named. */
  function of(wanted: readonly Kind[] = [...kinds.keys()]) {
    const histogram = counted(3).histogram
    let [requests, originWaits, layers] = [0, 0, NO_LAYERS]
    for (const kind of wanted) {
      const one = kinds.get(kind)
      if (!one) continue
      requests += one.requests
      originWaits += one.originWaits
      layers = addLayers(layers, one.layers)
      histogram.add(one.histogram)
    }
    return { requests, originWaits, layers, latency: latencyOf(histogram) }
  }

  return {
    tally,
    note,
    of,
    problems: () => Object.fromEntries([...problems].sort()),
    degraded: () => Object.fromEntries([...degradations].sort()),
    /** Answers that should not have been. */
    errors: () => [...problems].reduce((sum, [slug, count]) => sum + (EXPECTED.has(slug) ? 0 : count), 0),
    /** One after the other, those in which nothing was answered too. */
    intervals: (): Interval[] =>
      Array.from({ length: Math.max(-1, ...intervals.keys()) + 1 }, (_, place) => {
        const { reads, writes } = intervals.get(place) ?? { reads: undefined, writes: 0 }
        return {
          atS: (place * intervalMs) / 1_000,
          lengthS: intervalMs / 1_000,
          reads: reads?.requests ?? 0,
          writes,
          layers: reads?.layers ?? NO_LAYERS,
          latency: reads && latencyOf(reads.histogram),
        }
      }),
  }
}

const raise = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)

function latencyOf(histogram: RecordableHistogram): Latency | undefined {
  if (histogram.count === 0) return undefined
  const { count } = histogram
  /** The least that so many did not exceed. The histogram rounds a rank to the nearest, so it is asked for a whole one. */
  const at = (share: number) => histogram.percentile((100 * Math.ceil(share * count)) / count) / 1_000
  return { count, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: histogram.max / 1_000 }
}
