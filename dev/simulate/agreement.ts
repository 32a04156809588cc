import { setTimeout as sleep } from 'node:timers/promises'
import { type Analytics, readAnalytics } from '../../origin/db/analytics.ts'
import type { Database } from '../../origin/db/client.ts'
import { type Layers, sharesOf } from './layers.ts'

/** The same requests as the clients counted them and as analytics has them. */
export interface Agreement {
  /** Each layer's share of the values. */
  readonly clients: Layers
  readonly analytics: Layers
  /** The largest difference of a layer's share, in percentage points. */
  readonly differencePoints: number
  /** Requests that only the clients counted: those that never arrived, and points that were dropped. */
  readonly missingPoints: number
  /** All loads, those behind an answer included. */
  readonly originLoadsPer1000Reads: number
}

/** What clients counted. */
interface Counted {
  readonly requests: number
  readonly reads: number
  readonly layers: Layers
}

/** Points are sent in batches, 0.7 s after the first of them at the latest, and the origin writes what came once a second: a pause of theirs may be longer than each. */
const QUIET_MS = 2_500
const ARRIVE_MS = 10_000
const PAUSE_MS = 200

/**
 * Begins to compare: waits until no points come any more and remembers what analytics has in its bucket of this moment, so that only
 * what comes from now on counts. The function it answers waits for the points of what the clients counted; undefined where none came.
 */
export async function beginAgreement(db: Database, nowMs: () => number): Promise<(counted: Counted) => Promise<Agreement | undefined>> {
  const sinceMs = nowMs()
  const read = () => readAnalytics(db, sinceMs, nowMs() + 1)
  let before = await read()
  const quietByMs = performance.now() + ARRIVE_MS
  for (let requests = -1; requests !== before.totals.requests && performance.now() < quietByMs; before = await read()) {
    requests = before.totals.requests
    await sleep(QUIET_MS)
  }
  return async (counted) => {
    const giveUpAtMs = performance.now() + ARRIVE_MS
    let after: Analytics
    let arrived: number
    do {
      await sleep(PAUSE_MS)
      after = await read()
      arrived = after.totals.requests - before.totals.requests
    } while (arrived < counted.requests && performance.now() < giveUpAtMs)
    if (arrived === 0) return undefined
    const analytics = {
      memory: after.answers.memory - before.answers.memory,
      shared: after.answers.shared - before.answers.shared,
      origin: after.answers.origin - before.answers.origin,
    }
    return {
      clients: sharesOf(counted.layers),
      analytics: sharesOf(analytics),
      differencePoints: differencePoints(counted.layers, analytics),
      missingPoints: Math.max(0, counted.requests - arrived),
      originLoadsPer1000Reads: (1_000 * (after.totals.loads - before.totals.loads)) / (counted.reads || 1),
    }
  }
}

export function differencePoints(a: Layers, b: Layers): number {
  const [one, other] = [sharesOf(a), sharesOf(b)]
  return 100 * Math.max(...(['memory', 'shared', 'origin'] as const).map((layer) => Math.abs(one[layer] - other[layer])))
}
