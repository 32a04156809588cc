import { keyOf } from '../../contract/l2/keys.ts'
import type { Database, Queryable } from '../db/client.ts'
import * as deleted from '../db/deleted-accounts.ts'
import { dropsOf, insertInvalidations } from '../db/invalidations.ts'
import { endSweep, moveSweep, postsToSweep, takeSweep } from '../db/sweeps.ts'
import type { Delivery } from './deliver.ts'

/** Posts swept in one call: with both their keys they fill it. */
const POSTS = 500
/** Followers of a deleted account removed in one transaction: some 10 ms in which these cannot follow or repost. */
const FOLLOWERS = 100
/** Those it followed, whose posts wait meanwhile. */
const FOLLOWEES = 50
/** Its likes, mutes and the like. */
const ROWS = 500
/** Between two steps that nobody waits for, of one account (milliseconds): beside posts, a million followers may take their time. */
const PAUSE_MS = 100

/**
 * One step of a sweep: drops the bodies of some posts of an account that became more or less visible, newest first; those of a deleted one
 * swept and erased, some of the rest of it. Durable: where a process dies or Redis does not answer, any other goes on five seconds later. Readers do not
 * wait for it, they believe `us:`; it takes the bodies out of L2, and lets those be seen again that may be. Answers how many steps were done.
 */
export async function sweepNext(db: Database, delivery: Pick<Delivery, 'drop' | 'invalidate'>): Promise<number> {
  const sweep = await takeSweep(db)
  if (!sweep) return 0
  const { authorId, belowPost, accountDeleted } = sweep
  const posts = await postsToSweep(db, sweep, POSTS)
  const last = posts.at(-1)
  if (last) {
    await delivery.drop(
      posts.flatMap(({ id, truth }) =>
        (['public', 'followers'] as const).map((audience) => ({ key: keyOf.post(String(id), audience), truth })),
      ),
    )
    if (accountDeleted) {
      const ids = posts.map(({ id }) => id)
      await db.transaction((tx) => deleted.erasePosts(tx, authorId, ids))
    }
  }
  if (posts.length === POSTS) await moveSweep(db, sweep, last?.id ?? belowPost, 0)
  else if (accountDeleted && (await removeMore(db, delivery, authorId))) await moveSweep(db, sweep, last?.id ?? belowPost, PAUSE_MS)
  else await endSweep(db, sweep)
  return 1
}

/** Takes some more of a deleted account away; false when nothing was left. */
async function removeMore(db: Database, delivery: Pick<Delivery, 'invalidate'>, authorId: bigint): Promise<boolean> {
  const { rows, owed } = await db.transaction(async (tx) => {
    const { rows, changed } = await removeNext(tx, authorId)
    const drops = changed.flatMap(({ viewerId, viewVersion }) => dropsOf({ [keyOf.viewer(String(viewerId))]: viewVersion }))
    return { rows, owed: drops.length > 0 ? await insertInvalidations(tx, drops) : [] }
  })
  if (owed.length > 0) await delivery.invalidate(owed)
  return rows > 0
}

/** What takes longest comes last, but for what only it could see. */
async function removeNext(tx: Queryable, authorId: bigint): Promise<deleted.Removed> {
  const followees = await deleted.removeFollowees(tx, authorId, FOLLOWEES)
  if (followees > 0) return { rows: followees, changed: [] }
  const likes = await deleted.removeLikes(tx, authorId, ROWS)
  if (likes > 0) return { rows: likes, changed: [] }
  const blocked = await deleted.removeBlocks(tx, authorId, FOLLOWERS)
  if (blocked.rows > 0) return blocked
  const followers = await deleted.removeFollowers(tx, authorId, FOLLOWERS)
  if (followers.rows > 0) return followers
  return { rows: await deleted.removeOwn(tx, authorId, ROWS), changed: [] }
}
