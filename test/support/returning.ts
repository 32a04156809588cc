import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../../origin/db/client.ts'
import { rebuild } from '../../origin/db/rebuilds.ts'
import { enrol } from '../../origin/db/viewers.ts'

/** Brings a dormant or new viewer back, with the rows written at once, and not behind an answer as a load has it. */
export async function enrolAndRebuild(db: Database, viewerId: bigint): Promise<void> {
  await db.transaction((tx) => enrol(tx, viewerId))
  await db.transaction((tx) => rebuild(tx, viewerId, TIMELINE_CAP))
}
