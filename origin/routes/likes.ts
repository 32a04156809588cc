import { type Context, Hono } from 'hono'
import { keyOf } from '../../contract/l2/keys.ts'
import { dropsOf } from '../db/invalidations.ts'
import { deleteLike, insertLike, type MarksRaised } from '../db/likes.ts'
import { findPosts } from '../db/posts.ts'
import { pathId } from '../http/body.ts'
import { actingUser, type OriginEnv } from '../http/identity.ts'
import { requireActive, requireCaller } from './callers.ts'
import { type Change, carryOut, type WriteParts } from './carry-out.ts'
import { respond } from './respond.ts'
import { seenPost, unlessGone } from './seen-post.ts'

/** Likes. Both are idempotent. Nothing is pushed, and no count is dropped: a count is as old as its life allows, but for who counted. */
export function likeRoutes(parts: WriteParts): Hono<OriginEnv> {
  async function like(c: Context<OriginEnv>): Promise<Response> {
    const userId = actingUser(c)
    const raised = await carryOut(parts, [keyOf.marks(String(userId))], async (tx) => {
      await requireActive(tx, userId)
      const { id } = await seenPost(tx, userId, pathId(c))
      return marked(userId, id, await insertLike(tx, userId, id))
    })
    return respond({ status: 200, body: { liked: true }, raised }, false)
  }

  async function unlike(c: Context<OriginEnv>): Promise<Response> {
    const userId = actingUser(c)
    const asked = pathId(c)
    const raised = await carryOut(parts, [keyOf.marks(String(userId))], async (tx) => {
      await requireCaller(tx, userId)
      const [post] = await findPosts(tx, [asked])
      const id = post?.rootId ?? asked
      const gone = await deleteLike(tx, userId, id)
      // One's own like goes whatever became of the post.
      if (!gone) await seenPost(tx, userId, asked).catch(unlessGone)
      return marked(userId, id, gone)
    })
    return respond({ status: 200, body: { liked: false }, raised }, false)
  }

  const routes = new Hono<OriginEnv>()
  routes.post('/v1/posts/:id/like', like)
  routes.delete('/v1/posts/:id/like', unlike)
  return routes
}

/** What a like, a repost or its end changes in caches: the user's marks, and for themselves the counts of the post. */
export function marked(userId: bigint, rootId: bigint, versions: MarksRaised | undefined): Change | undefined {
  if (!versions) return undefined
  const marks = { [keyOf.marks(String(userId))]: versions.marksVersion }
  return { raised: { ...marks, [keyOf.counts(String(rootId))]: versions.countsVersion }, drops: dropsOf(marks) }
}
