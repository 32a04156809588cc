import { type Context, Hono } from 'hono'
import type { Following } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Raised } from '../../contract/version-token.ts'
import { acceptRequest, rejectRequest } from '../db/follow-requests.ts'
import { deleteFollow, type FollowOutcome, insertFollow } from '../db/follows.ts'
import { owedFor } from '../db/invalidations.ts'
import { settleFollow } from '../fanout/debts.ts'
import { keysBetween, raisedBetween } from '../fanout/raised.ts'
import { pathId } from '../http/body.ts'
import { actingUser, type OriginEnv, unknownCaller } from '../http/identity.ts'
import { noUser, requireActive, requireCaller, suspendedCaller } from './callers.ts'
import { carryOut, type WriteParts } from './carry-out.ts'
import { respond } from './respond.ts'

/** Follows, and requests to follow private accounts. All are idempotent, and a repetition finishes what the first request may have left undone. */
export function followRoutes(parts: WriteParts): Hono<OriginEnv> {
  const { db, settle } = parts
  const routes = new Hono<OriginEnv>()

  /** The follow commits; then its history is copied in a transaction of its own; then caches are told; then it is acknowledged. */
  async function follow(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody follows themselves; your own posts are in your feed anyway.')
    const outcome = await db.transaction((tx) => insertFollow(tx, callerId, otherId))
    if (outcome === 'unknown follower') throw unknownCaller(callerId)
    if (outcome === 'suspended') throw suspendedCaller()
    refuse(outcome, otherId)
    const asked: Following = { following: false, requested: true }
    if (outcome === 'requested') return respond({ status: 202, body: asked, raised: {} }, false)
    const body: Following = { following: true }
    return respond({ status: 200, body, raised: await finish(callerId, otherId) }, false)
  }

  async function finish(followerId: bigint, followeeId: bigint): Promise<Raised> {
    const settled = await settleFollow(db, followerId, followeeId)
    // Where somebody else copied the history, what they owe must be done before this is acknowledged, too.
    await settle(settled?.owed ?? (await owedFor(db, keysBetween(followerId, followeeId))))
    return settled?.raised ?? {}
  }

  /** Ends a follow, whoever of the two wants it. */
  function leave(followerId: bigint, followeeId: bigint, callerId: bigint): Promise<Raised> {
    return carryOut(parts, keysBetween(followerId, followeeId), async (tx) => {
      await requireCaller(tx, callerId)
      const gone = await deleteFollow(tx, followerId, followeeId)
      return gone && { raised: raisedBetween(followerId, followeeId, gone, gone.dropTimeline) }
    })
  }

  async function unfollow(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody follows themselves.')
    const body: Following = { following: false }
    return respond({ status: 200, body, raised: await leave(callerId, otherId, callerId) }, false)
  }

  async function removeFollower(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody follows themselves.')
    await leave(otherId, callerId, callerId)
    return respond({ status: 204, body: null, raised: {} }, false)
  }

  async function accept(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody asks to follow themselves.')
    await requireActive(db, callerId)
    const outcome = await db.transaction(async (tx) => {
      const outcome = await acceptRequest(tx, callerId, otherId)
      refuse(outcome, otherId) // inside: what was refused leaves no trace
      return outcome
    })
    if (outcome === 'no request') throw new Problem('not-found', `The user ${otherId} has not asked to follow you.`)
    await finish(otherId, callerId)
    return respond({ status: 200, body: { accepted: true }, raised: {} }, false)
  }

  async function reject(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody asks to follow themselves.')
    await requireCaller(db, callerId)
    const accepted = await db.transaction((tx) => rejectRequest(tx, callerId, otherId))
    return respond({ status: 200, body: { accepted }, raised: {} }, false)
  }

  routes.post('/v1/users/:id/follow', follow)
  routes.delete('/v1/users/:id/follow', unfollow)
  routes.delete('/v1/followers/:id', removeFollower)
  routes.put('/v1/follow-requests/:id', accept)
  routes.delete('/v1/follow-requests/:id', reject)
  return routes
}

function refuse(outcome: FollowOutcome | 'no request', otherId: bigint): void {
  if (outcome === 'blocked') throw new Problem('blocked', 'You block this user, or they block you.')
  if (outcome === 'unknown followee' || outcome === 'unknown follower' || outcome === 'suspended') throw noUser(otherId)
}

/** The caller and the user of the path, who must not be the same. */
export function pairOf(c: Context<OriginEnv>, notOneself: string): { readonly callerId: bigint; readonly otherId: bigint } {
  const callerId = actingUser(c)
  const otherId = pathId(c)
  if (callerId === otherId) throw new Problem('bad-request', notOneself)
  return { callerId, otherId }
}
