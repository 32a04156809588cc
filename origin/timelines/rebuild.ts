import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../db/client.ts'
import { enrol, rebuild } from '../db/timelines.ts'

/**
 * Brings a dormant or new viewer back: the enrolment commits, *then* the rebuild starts its transaction. A post committed before
 * the rebuild's snapshot is found by it, a later one's fan-out finds the edges. Doing it twice is harmless.
 */
export async function enrolAndRebuild(db: Database, viewerId: bigint): Promise<void> {
  await db.transaction((tx) => enrol(tx, viewerId))
  await db.transaction((tx) => rebuild(tx, viewerId, TIMELINE_CAP))
}
