import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../db/client.ts'
import { advanceDemotion, copyPulled, finishDemotion, lockFollowers, takeDemotion } from '../db/demotions.ts'

/** Followers copied to in one transaction: at most 40,000 rows, a third of a second in which these viewers cannot follow or return. */
const FOLLOWERS = 50

/**
 * Takes the copy of a demoted author's pulled posts one chunk further (docs/architecture.md, Announce, then route). Rows and progress
 * commit together, so that a crash anywhere repeats a chunk or nothing. Answers how many copies were taken on: 0 or 1.
 */
export async function copyNext(db: Database, followers = FOLLOWERS, cap = TIMELINE_CAP): Promise<number> {
  return db.transaction(async (tx) => {
    const demotion = await takeDemotion(tx)
    if (!demotion) return 0
    const viewerIds = await lockFollowers(tx, demotion, followers)
    const last = viewerIds.at(-1)
    if (last === undefined) {
      await finishDemotion(tx, demotion.authorId)
      return 1
    }
    await copyPulled(tx, demotion.authorId, viewerIds, cap)
    await advanceDemotion(tx, demotion.authorId, last)
    return 1
  })
}
