import { keyOf } from '../../contract/l2/keys.ts'
import type { Database } from '../db/client.ts'
import { dropsOf, insertInvalidations } from '../db/invalidations.ts'
import { endSweep, moveSweep, postsToSweep, removeFollowsOf, takeSweep } from '../db/sweeps.ts'
import type { Delivery } from './deliver.ts'
import { raisedBetween } from './raised.ts'

/** Posts swept in one call: with both their keys they fill it. */
const POSTS = 500
/** Follows of a deleted account removed in one transaction, each way. */
const FOLLOWS = 500

/**
 * One step of a sweep: drops the bodies of some posts of an account that became more or less visible, newest first; those of a deleted one
 * swept, some of its follows. Durable: where a process dies or Redis does not answer, any other goes on five seconds later. Readers do not wait for
 * it, they believe `us:`; it takes the bodies out of L2, and lets those be seen again that may be. Answers how many steps were done.
 */
export async function sweepNext(db: Database, delivery: Pick<Delivery, 'drop' | 'invalidate'>): Promise<number> {
  const sweep = await takeSweep(db)
  if (!sweep) return 0
  const posts = await postsToSweep(db, sweep, POSTS)
  const last = posts.at(-1)
  if (last) {
    await delivery.drop(
      posts.flatMap(({ id, truth }) =>
        (['public', 'followers'] as const).map((audience) => ({ key: keyOf.post(String(id), audience), truth })),
      ),
    )
  }
  const more = posts.length === POSTS || (sweep.accountDeleted && (await removeFollows(db, delivery, sweep.authorId)) > 0)
  await (more ? moveSweep(db, sweep, last?.id ?? sweep.belowPost) : endSweep(db, sweep))
  return 1
}

/** Its followers' views forget a deleted account: who follows nobody else is told so. */
async function removeFollows(db: Database, delivery: Pick<Delivery, 'invalidate'>, authorId: bigint): Promise<number> {
  const { count, owed } = await db.transaction(async (tx) => {
    const { count, followers } = await removeFollowsOf(tx, authorId, FOLLOWS)
    const drops = followers.flatMap((follower) => dropsOf(raisedBetween(follower.viewerId, authorId, follower, false)))
    return { count, owed: drops.length > 0 ? await insertInvalidations(tx, drops) : [] }
  })
  if (owed.length > 0) await delivery.invalidate(owed)
  return count
}
