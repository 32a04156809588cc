import type { Invalidation } from '../../contract/l2/calls.ts'
import { parseKey } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { type Chunk, oweChunks } from '../db/chunks.ts'
import type { Database } from '../db/client.ts'
import { type InvalidationRow, markInvalidated, oweInvalidations } from '../db/invalidations.ts'
import type { Heartbeat } from './heartbeat.ts'
import { createHolds } from './holds.ts'
import type { L2Port } from './l2-port.ts'
import { pushCallsOf } from './push-calls.ts'

/** Calls of one push that are under way together: one is written and read while Redis runs the other. */
const CALLS_IN_THE_AIR = 2

/** A debt that could not be paid is due again after so long: others have their turn before it. */
const AGAIN_SECONDS = 2

/** How long a tombstone stays in L2: longer than any body of the post may live anywhere (milliseconds). */
const TOMBSTONE_MS = 48 * 3_600_000

export interface Delivery {
  /**
   * Pushes committed chunks to L2 and marks them once Redis acknowledged. Rejects when it did not: then they are debts. A worker gives what it waits for: its chunks
   * are held meanwhile, and debts at once where pushes fail by then or this one does.
   */
  push(chunks: readonly Chunk[], before?: Promise<unknown>): Promise<void>
  /** From a push that failed to one that did not: who cuts chunks leaves them to those who pay debts, and never waits for an ill Redis. */
  resting(): boolean
  /** Carries out invalidations and marks them once Redis acknowledged. Rejects when it did not: then they are debts. */
  invalidate(rows: readonly InvalidationRow[]): Promise<void>
  /** Drops what no row was written for. Rejects when Redis did not acknowledge, or lost writes meanwhile: then it must be done again. */
  drop(invalidations: readonly Invalidation[]): Promise<void>
}

interface Parts {
  readonly db: Database
  readonly l2: L2Port
  readonly heartbeat: Heartbeat
  readonly clock: { nowMs(): number; monotonicMs(): number }
}

export function createDelivery({ db, l2, heartbeat, clock }: Parts): Delivery {
  function toInvalidation(row: InvalidationRow): Invalidation {
    if (row.replacement === null) return { key: row.key, truth: row.truth }
    const endsAtMs = clock.nowMs() + TOMBSTONE_MS
    const text = encodeValue({
      softExpiresAtMs: endsAtMs,
      hardExpiresAtMs: endsAtMs,
      graceEndsAtMs: endsAtMs,
      deltaMs: 0,
      truth: row.truth,
      stamp: 1,
      tailLength: 0,
      payload: row.replacement,
    })
    return { key: row.key, truth: row.truth, replacement: { text, keepMs: TOMBSTONE_MS } }
  }

  const holds = createHolds(db, clock)
  let resting = false

  /** Pushes chunks in as few calls as there can be, and marks those that are whole in L2: what fails is repeated from there. */
  async function push(chunks: readonly Chunk[], before?: Promise<unknown>): Promise<void> {
    const { era } = heartbeat
    const hold = holds.begin(chunks)
    await before
    if (before && resting) return hold.end(0, 0)
    const calls = pushCallsOf(chunks)
    const waiting = [...calls]
    const unacknowledged = new Set(calls)
    function whole(): number {
      const [first] = unacknowledged
      return first?.from ?? chunks.length
    }
    async function pushWaiting(): Promise<void> {
      for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
        const { from, to, deliveries } = call
        const entries = chunks.slice(from, to).map(({ entry }) => entry)
        await heartbeat.watch((machineId) => l2.push(entries, deliveries, machineId))
        unacknowledged.delete(call)
        await hold.progress(whole())
      }
    }
    try {
      const ends = await Promise.allSettled(Array.from({ length: CALLS_IN_THE_AIR }, () => pushWaiting().finally(() => waiting.splice(0))))
      const failure = ends.find((end) => end.status === 'rejected')
      if (calls.length > 0) resting = failure !== undefined
      if (failure) throw failure.reason
    } finally {
      await hold.end(whole(), before ? 0 : AGAIN_SECONDS)
      // Redis lost writes while we did this: the replay saw only what had been noted before it.
      if (heartbeat.era !== era) await oweChunks(db, chunks)
    }
  }

  return {
    push,
    resting: () => resting,
    async invalidate(rows) {
      const { era } = heartbeat
      const ids = rows.map((row) => row.id)
      for (const { key } of rows.filter((row) => row.key.endsWith('*'))) await l2.empty(key.slice(0, -1))
      const invalidations = rows.filter((row) => parseKey(row.key) !== undefined).map(toInvalidation)
      if (invalidations.length > 0) await heartbeat.watch((machineId) => l2.invalidate(invalidations, machineId))
      await markInvalidated(db, ids)
      if (heartbeat.era !== era) await oweInvalidations(db, ids)
    },
    async drop(invalidations) {
      const { era } = heartbeat
      await heartbeat.watch((machineId) => l2.invalidate(invalidations, machineId))
      if (heartbeat.era !== era) throw new Error('Redis lost writes meanwhile')
    },
  }
}

/** The payload that replaces the body of a deleted post. */
export const TOMBSTONE = encodePostValue({ kind: 'gone' })
