import { type Invalidation, MAX_PUSHED_KEYS } from '../../contract/l2/calls.ts'
import { keyOf, parseKey } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import type { Database } from '../db/client.ts'
import { type InvalidationRow, markInvalidated, oweInvalidations } from '../db/invalidations.ts'
import { type Chunk, idsIn, markPushed, oweChunks } from '../db/jobs.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { L2Port } from './l2-port.ts'

/** How long a tombstone stays in L2: longer than any body of the post may live anywhere (milliseconds). */
const TOMBSTONE_MS = 48 * 3_600_000

export interface Delivery {
  /** Pushes committed chunks to L2 and marks them once Redis acknowledged. Rejects when it did not: then they are debts. */
  push(chunks: readonly Chunk[]): Promise<void>
  /** Carries out invalidations and marks them once Redis acknowledged. Rejects when it did not: then they are debts. */
  invalidate(rows: readonly InvalidationRow[]): Promise<void>
  /** Drops what no row was written for. Rejects when Redis did not acknowledge, or lost writes meanwhile: then it must be done again. */
  drop(invalidations: readonly Invalidation[]): Promise<void>
}

interface Parts {
  readonly db: Database
  readonly l2: L2Port
  readonly heartbeat: Heartbeat
  readonly clock: { nowMs(): number }
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

  /** Pushes some chunks and marks them. What fails is repeated from here, and not from the first chunk of a long outage. */
  async function pushGroup(chunks: readonly Chunk[]): Promise<void> {
    const { era } = heartbeat
    const deliveries = chunks.flatMap((chunk, entry) => [
      // The first chunk of an activity also carries it to its author's own list: for a pulled author that is all there is.
      ...(chunk.afterViewer === 0n ? [{ key: keyOf.author(chunk.entry.actorId, chunk.entry.audience), entry }] : []),
      ...idsIn(chunk.viewers).map((viewerId) => ({ key: keyOf.timeline(viewerId), entry })),
    ])
    const entries = chunks.map((chunk) => chunk.entry)
    for (let at = 0; at < deliveries.length; at += MAX_PUSHED_KEYS) {
      const slice = deliveries.slice(at, at + MAX_PUSHED_KEYS)
      await heartbeat.watch((machineId) => l2.push(entries, slice, machineId))
    }
    await markPushed(db, chunks)
    // Redis lost writes while we did this: the replay saw only what had been noted before it.
    if (heartbeat.era !== era) await oweChunks(db, chunks)
  }

  return {
    async push(chunks) {
      for (const group of groupsOf(chunks)) await pushGroup(group)
    },
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

/** Whole chunks that fill about one call: each group is marked as soon as Redis has it. */
function* groupsOf(chunks: readonly Chunk[]): Generator<Chunk[]> {
  let group: Chunk[] = []
  let deliveries = 0
  for (const chunk of chunks) {
    const size = 1 + chunk.viewers.length / 19
    if (group.length > 0 && deliveries + size > MAX_PUSHED_KEYS) {
      yield group
      group = []
      deliveries = 0
    }
    group.push(chunk)
    deliveries += size
  }
  if (group.length > 0) yield group
}
