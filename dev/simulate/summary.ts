import type { Agreement } from './agreement.ts'
import type { Check } from './check.ts'
import { type Layers, sharesOf } from './layers.ts'
import { type Interval, type Kind, type Latency, type Measures, READS } from './measures.ts'
import type { Sighting } from './watch.ts'

/** What `npm run simulate` writes as `summary.json`. Shares are in [0, 1]. */
export interface Summary {
  readonly startedAt: string
  readonly seed: number
  /** As long as it lasted, wall clock. */
  readonly seconds: number
  readonly speed: number
  readonly endedEarly: boolean
  readonly graph: { readonly name: string; readonly users: number; readonly follows: number; readonly posts: number }
  /** The active set. */
  readonly readers: number
  /** What readers did, probes and checks left out. Late and dropped is what the simulation itself had no place for in time, probes included. */
  readonly traffic: {
    readonly reads: number
    readonly writes: number
    readonly requestsPerS: number
    readonly notModified: number
    readonly late: number
    readonly dropped: number
    readonly retried: number
  }
  /** Values that reads were made of, by the layer they came from, as `Cache-Status` tells. */
  readonly values: Layers
  readonly hitRatio: Layers
  /** How often a reader waited for the origin, as `Server-Timing` tells. */
  readonly originWaitsPer1000Reads: number
  readonly latency: Readonly<Partial<Record<Kind | 'reads', Latency>>>
  readonly freshness: Freshness
  /** Answers by problem, and by why they may have been less than they should be. */
  readonly problems: Readonly<Record<string, number>>
  readonly degraded: Readonly<Record<string, number>>
  readonly errors: number
  readonly agreement: Agreement | undefined
  readonly check: Check
  readonly intervals: readonly Interval[]
  readonly sightings: readonly PostSighting[]
  /** Why the command ends with 1; empty when all is well. */
  readonly failures: readonly string[]
}

export interface PostSighting extends Sighting {
  readonly delivery: 'pushed' | 'pulled'
}

export const PROMISED_MS = 5_000
export interface Freshness {
  readonly promisedMs: number
  readonly pushed: Delays
  readonly pulled: Delays
}
/** From a post's 201 until a follower saw it. */
export interface Delays {
  readonly posts: number
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly maxMs: number | undefined
  /** Seen, but later than promised. */
  readonly beyondPromise: number
  /** Not seen at all while they were watched. */
  readonly unseen: number
}

/** Beyond this, clients and analytics tell two stories (percentage points). */
const MOST_DIFFERENCE_POINTS = 0.1

export interface Results extends Pick<Summary, 'startedAt' | 'seed' | 'seconds' | 'speed' | 'endedEarly' | 'graph' | 'readers'> {
  readonly measures: Measures
  readonly sightings: readonly PostSighting[]
  readonly agreement: Agreement | undefined
  readonly check: Check
}

export function summarise({ measures, sightings, agreement, check, ...run }: Results): Summary {
  const reads = measures.of(READS)
  const writes = measures.of(['write'])
  const kinds: readonly Kind[] = [...READS, 'write', 'probe', 'check']
  const freshness = {
    promisedMs: PROMISED_MS,
    pushed: delaysOf(sightings.filter(({ delivery }) => delivery === 'pushed')),
    pulled: delaysOf(sightings.filter(({ delivery }) => delivery === 'pulled')),
  }
  const errors = measures.errors()
  return {
    ...run,
    traffic: {
      reads: reads.requests,
      writes: writes.requests,
      requestsPerS: (reads.requests + writes.requests) / (run.seconds || 1),
      ...measures.tally,
    },
    values: reads.layers,
    hitRatio: sharesOf(reads.layers),
    originWaitsPer1000Reads: (1_000 * reads.originWaits) / (reads.requests || 1),
    latency: Object.fromEntries(
      [['reads', reads.latency] as const, ...kinds.map((kind) => [kind, measures.of([kind]).latency] as const)].filter(
        ([, latency]) => latency !== undefined,
      ),
    ),
    freshness,
    problems: measures.problems(),
    degraded: measures.degraded(),
    errors,
    agreement,
    check,
    intervals: measures.intervals().flatMap((one) => cutAt(run.seconds, one)),
    sightings,
    failures: failuresOf(reads.requests + writes.requests, { errors, freshness, agreement, check }),
  }
}

/** The run ends within its last interval; what is left of one when only the last answers were waited for shows nothing. */
function cutAt(endS: number, interval: Interval): Interval[] {
  const lengthS = Math.min(interval.lengthS, endS - interval.atS)
  return lengthS < interval.lengthS / 2 ? [] : [{ ...interval, lengthS }]
}

function failuresOf(
  requests: number,
  { errors, freshness, agreement, check }: Pick<Summary, 'errors' | 'freshness' | 'agreement' | 'check'>,
): string[] {
  const unseen = freshness.pushed.unseen + freshness.pulled.unseen
  const points = agreement?.differencePoints ?? 0
  const missing = agreement?.missingPoints ?? 0
  return [
    ...(requests > 0 && !agreement ? ['no data point of analytics arrived, so nothing was compared with it'] : []),
    ...(missing > 0 ? [`${missing} data points of analytics are missing`] : []),
    ...(errors > 0 ? [`${errors} requests were answered with an error, or not at all`] : []),
    ...(unseen > 0 ? [`${unseen} posts were not seen by the follower who watched for them`] : []),
    ...(check.settledAfterMs === undefined ? ['fan-out was not done in time'] : []),
    ...(check.differences.length > 0 ? [`${check.differences.length} feeds differ from what a brute-force SQL query gives`] : []),
    ...(points > MOST_DIFFERENCE_POINTS ? [`clients and analytics differ by ${points.toFixed(2)} points`] : []),
  ]
}

export function delaysOf(sightings: readonly Sighting[]): Delays {
  const seen = sightings.flatMap(({ seenAfterMs }) => (seenAfterMs === undefined ? [] : [seenAfterMs])).sort((a, b) => a - b)
  /** The smallest of the values that at least this share does not exceed. */
  const at = (share: number) => seen[Math.max(0, Math.ceil(share * seen.length) - 1)]
  return {
    posts: sightings.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: seen.at(-1),
    beyondPromise: seen.filter((ms) => ms > PROMISED_MS).length,
    unseen: sightings.length - seen.length,
  }
}
