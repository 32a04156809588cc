import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { takeUnpushed } from '../db/chunks.ts'
import type { Database } from '../db/client.ts'
import { backfill, takeBackfills } from '../db/follows.ts'
import { dropsOf, type InvalidationRow, insertInvalidations, takeInvalidations } from '../db/invalidations.ts'
import type { Delivery } from './deliver.ts'
import { raisedBetween } from './raised.ts'

/** Debts of one kind taken in one go. */
const BATCH = 100
/** Of chunks that are taken in one go: ten calls at most, with the last chunk. */
const FOLLOWERS = 5_000
/** From an attempt that failed to the next one (milliseconds). */
const REST_MS = 1_000

/**
 * Copies a new followee's history and owes the invalidations of what that made stale. Undefined when somebody else has done it.
 * Must be called after the follow committed.
 */
export async function settleFollow(
  db: Database,
  viewerId: bigint,
  authorId: bigint,
): Promise<{ readonly owed: InvalidationRow[]; readonly raised: Record<string, number> } | undefined> {
  return db.transaction(async (tx) => {
    const versions = await backfill(tx, viewerId, authorId, TIMELINE_CAP)
    if (!versions) return undefined
    const raised = raisedBetween(viewerId, authorId, versions, true)
    return { owed: await insertInvalidations(tx, dropsOf(raised)), raised }
  })
}

/** Pays what readers would see to be wrong: backfills and invalidations that dead processes and outages left. Answers how many. */
export async function payInvalidations(db: Database, delivery: Pick<Delivery, 'invalidate'>): Promise<number> {
  const follows = await takeBackfills(db, BATCH)
  for (const { viewerId, authorId } of follows) {
    const settled = await settleFollow(db, viewerId, authorId)
    if (settled) await delivery.invalidate(settled.owed)
  }
  const invalidations = await takeInvalidations(db, BATCH)
  if (invalidations.length > 0) await delivery.invalidate(invalidations)
  return follows.length + invalidations.length
}

/** Pushes what was inserted and never pushed, the newest first. Answers how many chunks; rejects when Redis did not acknowledge. */
export async function payPushes(db: Database, delivery: Pick<Delivery, 'push'>): Promise<number> {
  const chunks = await takeUnpushed(db, FOLLOWERS)
  if (chunks.length > 0) await delivery.push(chunks)
  return chunks.length
}

export interface DebtsEvent {
  readonly type: 'debts-failed'
  readonly error: unknown
}

interface PayParts {
  readonly db: Database
  readonly delivery: Pick<Delivery, 'push'>
  readonly clock: { monotonicMs(): number; sleep(ms: number, signal: AbortSignal): Promise<void> }
  readonly observe: (event: DebtsEvent) => void
}

/**
 * Pays until nothing is due. It pauses as long as it works: after an outage readers and new posts have at least half of Redis. While Redis does not
 * answer, one attempt a second finds out when it does.
 */
export async function payAllPushes({ db, delivery, clock, observe }: PayParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedAtMs = clock.monotonicMs()
    try {
      if ((await payPushes(db, delivery)) === 0) return
      await clock.sleep(clock.monotonicMs() - startedAtMs, signal)
    } catch (error) {
      observe({ type: 'debts-failed', error })
      await clock.sleep(REST_MS, signal)
    }
  }
}
