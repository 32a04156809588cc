import { cleanTimelines, takeCleanups } from '../db/cleanups.ts'
import type { Database } from '../db/client.ts'

/** Unfollows cleaned in one transaction: some 960 rows looked at for each, some milliseconds in which their viewers cannot follow or return. */
const BATCH = 50

/**
 * One step of cleaning timelines of whom their viewers unfollowed or blocked. Nobody waits for it, so a process does one step and rests; what
 * it leaves by dying is due again five seconds later. Answers how many unfollows were cleaned.
 */
export async function cleanNext(db: Database): Promise<number> {
  const cleanups = await takeCleanups(db, BATCH)
  if (cleanups.length > 0) await db.transaction((tx) => cleanTimelines(tx, cleanups))
  return cleanups.length
}
