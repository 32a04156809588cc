import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../db/client.ts'
import { backfill, takeBackfills } from '../db/follows.ts'
import { dropsOf, type InvalidationRow, insertInvalidations, takeInvalidations } from '../db/invalidations.ts'
import { takeUnpushed } from '../db/jobs.ts'
import type { Delivery } from './deliver.ts'
import { raisedBetween } from './raised.ts'

/** Debts of one kind taken in one go. */
const BATCH = 100
/** Chunks taken in one go: they are held for five seconds, and one may be five calls. */
const CHUNKS = 20

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

/** Pushes what was inserted and never pushed. Answers how many chunks. */
export async function payPushes(db: Database, delivery: Pick<Delivery, 'push'>): Promise<number> {
  const chunks = await takeUnpushed(db, CHUNKS)
  if (chunks.length > 0) await delivery.push(chunks)
  return chunks.length
}
