import { type Context, Hono } from 'hono'
import { RAISED_HEADER, REPLAYED_HEADER } from '../../contract/headers.ts'
import { mintedAtMs } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { type Activity, newPostSchema } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Raised } from '../../contract/version-token.ts'
import type { Database, Queryable } from '../db/client.ts'
import { isUniqueViolation } from '../db/client.ts'
import { type InvalidationRow, insertInvalidations, owedFor } from '../db/invalidations.ts'
import { deleteActivity, findPosts, findRepost, insertActivity } from '../db/posts.ts'
import { findUsers } from '../db/users.ts'
import { TOMBSTONE } from '../fanout/deliver.ts'
import type { Settle } from '../fanout/settle.ts'
import { parseBody, pathId } from '../http/body.ts'
import { actingUser, type OriginEnv, unknownCaller } from '../http/identity.ts'
import { type Answer, fingerprintOf, once, parseIdempotencyKey } from './idempotency.ts'

interface Parts {
  readonly db: Database
  readonly mint: () => bigint
  readonly settle: Settle
}

const listKey = (authorId: bigint): string => keyOf.author(String(authorId), 'public')
const bodyKey = (postId: bigint): string => keyOf.post(String(postId), 'public')

/** The writes of posts and reposts. All are acknowledged before any fan-out. */
export function postRoutes({ db, mint, settle }: Parts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()

  async function createPost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const key = parseIdempotencyKey(c.req.header('idempotency-key'))
    const { text } = parseBody(c, newPostSchema)
    const fingerprint = await fingerprintOf('POST', c.req.path, c.get('body'))
    const { answer, replayed } = await once(db, { userId: authorId, key, fingerprint }, (tx) => write(tx, authorId, { text, root: null }))
    return made(answer, replayed)
  }

  /** Writes one activity and says what it raised: a client that returns this reads its own write in any isolate. */
  async function write(
    tx: Queryable,
    authorId: bigint,
    what: { text: string; root: null } | { text: null; root: { id: bigint; authorId: bigint } },
  ): Promise<Answer> {
    const id = mint()
    const written = await insertActivity(tx, { id, authorId, ...what })
    if (!written) throw unknownCaller(authorId)
    const body: Activity = {
      id: String(id),
      author_id: String(authorId),
      created_at: new Date(mintedAtMs(String(id))).toISOString(),
      ...(what.root ? { root_id: String(what.root.id) } : { text: what.text ?? '' }),
    }
    return { status: 201, body, raised: { [listKey(authorId)]: written.postVersion } }
  }

  /** The post a repost of `id` shows: a repost of a repost is one of its root. */
  async function rootOf(queryable: Queryable, id: bigint): Promise<{ id: bigint; authorId: bigint }> {
    const [post] = await findPosts(queryable, [id])
    if (!post) throw new Problem('not-found', `There is no post ${id}.`)
    const [root] = post.rootId === null ? [post] : await findPosts(queryable, [post.rootId])
    if (!root || root.deleted || post.deleted) throw new Problem('gone', `The post ${id} was deleted.`)
    return { id: root.id, authorId: root.authorId }
  }

  async function createRepost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const key = parseIdempotencyKey(c.req.header('idempotency-key'))
    const postId = pathId(c)
    const fingerprint = await fingerprintOf('POST', c.req.path, c.get('body'))
    try {
      // The root is looked at inside, so that a repetition gets its answer even when the root was deleted meanwhile.
      const { answer, replayed } = await once(db, { userId: authorId, key, fingerprint }, async (tx) =>
        write(tx, authorId, { text: null, root: await rootOf(tx, postId) }),
      )
      return made(answer, replayed)
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      const root = await rootOf(db, postId)
      const standing = await findRepost(db, authorId, root.id)
      if (standing === undefined) throw error
      const id = String(standing)
      const body: Activity = {
        id,
        author_id: String(authorId),
        created_at: new Date(mintedAtMs(id)).toISOString(),
        root_id: String(root.id),
      }
      return respond({ status: 200, body, raised: {} }, false)
    }
  }

  async function deleteRepost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const [post] = await findPosts(db, [pathId(c)])
    if (!post) throw new Problem('not-found', 'There is no such post.')
    const standing = await findRepost(db, authorId, post.rootId ?? post.id)
    if (standing !== undefined) return remove(standing, authorId)
    if ((await findUsers(db, [String(authorId)])).length === 0) throw unknownCaller(authorId)
    return respond({ status: 204, body: null, raised: {} }, false)
  }

  async function deletePost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const id = pathId(c)
    const [post] = await findPosts(db, [id])
    if (!post) throw new Problem('not-found', `There is no post ${id}.`)
    if (post.authorId !== authorId) throw new Problem('forbidden', 'Only its author may delete a post.')
    return remove(id, authorId)
  }

  /** Deletes an activity; a repeated request finishes what the first one may have left undone. */
  async function remove(id: bigint, authorId: bigint): Promise<Response> {
    const { owed, raised } = await db.transaction(async (tx): Promise<{ owed: InvalidationRow[]; raised: Raised }> => {
      const versions = await deleteActivity(tx, id, authorId)
      if (!versions) return { owed: await owedFor(tx, [bodyKey(id), listKey(authorId)]), raised: {} }
      const owed = await insertInvalidations(tx, [
        { key: bodyKey(id), truth: versions.version, replacement: TOMBSTONE },
        { key: listKey(authorId), truth: versions.postVersion, replacement: null },
      ])
      return { owed, raised: { [bodyKey(id)]: versions.version, [listKey(authorId)]: versions.postVersion } }
    })
    await settle(owed)
    return respond({ status: 204, body: null, raised }, false)
  }

  routes.post('/v1/posts', createPost)
  routes.delete('/v1/posts/:id', deletePost)
  routes.post('/v1/posts/:id/repost', createRepost)
  routes.delete('/v1/posts/:id/repost', deleteRepost)
  return routes
}

/** The answer to a write that made an activity: it says where it is. */
function made(answer: Answer, replayed: boolean): Response {
  const response = respond(answer, replayed)
  response.headers.set('location', `/v1/posts/${(answer.body as Activity).id}`)
  return response
}

/** A write's answer as HTTP. */
export function respond({ status, body, raised }: Answer, replayed: boolean): Response {
  const headers = new Headers({ 'cache-control': 'no-store', [RAISED_HEADER]: JSON.stringify(raised) })
  if (replayed) headers.set(REPLAYED_HEADER, 'true')
  if (status === 204) return new Response(null, { status, headers })
  headers.set('content-type', 'application/json')
  return new Response(JSON.stringify(body), { status, headers })
}
