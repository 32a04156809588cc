import { type Context, Hono } from 'hono'
import { keyOf } from '../../contract/l2/keys.ts'
import type { Following } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Database } from '../db/client.ts'
import { deleteFollow, insertFollow, owesBackfill } from '../db/follows.ts'
import { dropsOf, insertInvalidations, owedFor } from '../db/invalidations.ts'
import { findUsers } from '../db/users.ts'
import { settleFollow } from '../fanout/debts.ts'
import type { Settle } from '../fanout/settle.ts'
import { pathId } from '../http/body.ts'
import { actingUser, type OriginEnv, unknownCaller } from '../http/identity.ts'
import { respond } from './posts.ts'

interface Parts {
  readonly db: Database
  readonly settle: Settle
}

/** Follow and unfollow. Both are idempotent, and a repetition finishes what the first request may have left undone. */
export function followRoutes({ db, settle }: Parts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()

  /** The follow commits; then its history is copied in a transaction of its own; then caches are told; then it is acknowledged. */
  async function follow(c: Context<OriginEnv>): Promise<Response> {
    const { followerId, followeeId } = pairOf(c)
    const result = await db.transaction((tx) => insertFollow(tx, followerId, followeeId))
    if (result === 'unknown follower') throw unknownCaller(followerId)
    if (result === 'unknown followee') throw new Problem('not-found', `There is no user ${followeeId}.`)
    const body: Following = { following: true }
    if (result === 'already' && !(await owesBackfill(db, followerId, followeeId))) {
      await settle(await owedFor(db, [keyOf.timeline(String(followerId)), keyOf.viewer(String(followerId))]))
      return respond({ status: 200, body, raised: {} }, false)
    }
    const settled = await settleFollow(db, followerId, followeeId)
    await settle(settled?.owed ?? [])
    return respond({ status: 200, body, raised: settled?.raised ?? {} }, false)
  }

  async function unfollow(c: Context<OriginEnv>): Promise<Response> {
    const { followerId, followeeId } = pairOf(c)
    const viewerKey = keyOf.viewer(String(followerId))
    const timelineKey = keyOf.timeline(String(followerId))
    const { owed, raised } = await db.transaction(async (tx) => {
      const gone = await deleteFollow(tx, followerId, followeeId)
      if (!gone) {
        if ((await findUsers(tx, [String(followerId)])).length === 0) throw unknownCaller(followerId)
        return { owed: await owedFor(tx, [viewerKey, timelineKey]), raised: {} }
      }
      const raised: Record<string, number> = {
        [viewerKey]: gone.viewVersion,
        ...(gone.dropTimeline ? { [timelineKey]: gone.followVersion } : {}),
      }
      return { owed: await insertInvalidations(tx, dropsOf(raised)), raised }
    })
    await settle(owed)
    const body: Following = { following: false }
    return respond({ status: 200, body, raised }, false)
  }

  routes.post('/v1/users/:id/follow', follow)
  routes.delete('/v1/users/:id/follow', unfollow)
  return routes
}

function pairOf(c: Context<OriginEnv>): { readonly followerId: bigint; readonly followeeId: bigint } {
  const followerId = actingUser(c)
  const followeeId = pathId(c)
  if (followerId === followeeId) throw new Problem('bad-request', 'Nobody follows themselves; your own posts are in your feed anyway.')
  return { followerId, followeeId }
}
