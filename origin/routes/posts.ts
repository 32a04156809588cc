import { type Context, Hono } from 'hono'
import type { Audience } from '../../contract/entry.ts'
import { mintedAtMs } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { type Activity, newPostSchema } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import { isUniqueViolation, type Queryable } from '../db/client.ts'
import { dropsOf, type InvalidationRow, insertInvalidations, owedFor } from '../db/invalidations.ts'
import { withdrawPost } from '../db/popular.ts'
import { deleteActivity, findPosts, findRepost, insertActivity, type PostRow, type Queueing } from '../db/posts.ts'
import { TOMBSTONE } from '../fanout/deliver.ts'
import { parseBody, pathId } from '../http/body.ts'
import { actingUser, type OriginEnv } from '../http/identity.ts'
import { requireActive, requireCaller } from './callers.ts'
import { carryOut, type WriteParts } from './carry-out.ts'
import { type Answer, fingerprintOf, once, parseIdempotencyKey } from './idempotency.ts'
import { marked } from './likes.ts'
import { respond } from './respond.ts'
import { noPost, seenPost, unlessGone } from './seen-post.ts'

/** What a post needs of fan-out. */
export interface JobParts {
  queueing(): Queueing
  /** Tells of a new job, once it has committed. */
  announce(): void
}

interface Parts extends WriteParts {
  readonly mint: () => bigint
  readonly jobs: JobParts
}

/** An activity that is to be written: a post, or a repost. */
type What =
  | { readonly text: string; readonly root: null; readonly audience: Audience | undefined }
  | { readonly text: null; readonly root: { readonly id: bigint; readonly authorId: bigint } }

const AUDIENCES = ['public', 'followers'] as const
const listKeys = (authorId: bigint): readonly string[] => AUDIENCES.map((audience) => keyOf.author(String(authorId), audience))
const bodyKeys = (postId: bigint): readonly string[] => AUDIENCES.map((audience) => keyOf.post(String(postId), audience))

/** The writes of posts and reposts. All are acknowledged before any fan-out. */
export function postRoutes({ db, mint, settle, jobs }: Parts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()

  async function createPost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    return writeOnce(c, authorId, () => {
      const { text, audience } = parseBody(c, newPostSchema)
      return { text, root: null, audience }
    })
  }

  /** Writes one activity however often it is asked for, and carries out what it owes before it is acknowledged. */
  async function writeOnce(c: Context<OriginEnv>, authorId: bigint, what: (tx: Queryable) => What | Promise<What>): Promise<Response> {
    const key = parseIdempotencyKey(c.req.header('idempotency-key'))
    const fingerprint = fingerprintOf('POST', c.req.path, c.get('body'))
    let owed: InvalidationRow[] = []
    const { answer, replayed } = await once(db, { userId: authorId, key, fingerprint }, async (tx) => {
      const { drops, ...answer } = await write(tx, authorId, await what(tx))
      owed = drops.length > 0 ? await insertInvalidations(tx, drops) : [] // not what an attempt that was undone owed
      return answer
    })
    if (!replayed) jobs.announce()
    await settle(replayed ? await owedFor(db, Object.keys(answer.raised)) : owed)
    return made(answer, replayed)
  }

  /** Writes one activity and says what it raised: a client that returns this reads its own write in any isolate. */
  async function write(tx: Queryable, authorId: bigint, what: What): Promise<Answer & { readonly drops: ReturnType<typeof dropsOf> }> {
    const id = mint()
    const written = await insertActivity(tx, { id, authorId, ...what }, jobs.queueing())
    if (!written) {
      await requireActive(tx, authorId)
      throw new Error(`the user ${authorId} has no author's row`)
    }
    const { audience, postVersion, firstForFollowers, marks } = written
    const body: Activity = {
      id: String(id),
      author_id: String(authorId),
      created_at: new Date(mintedAtMs(String(id))).toISOString(),
      ...(what.root ? { root_id: String(what.root.id) } : { text: what.text ?? '' }),
    }
    // The public list says whether followers may see more; nothing else drops it when it begins to be so.
    const told = firstForFollowers ? { [keyOf.author(String(authorId), 'public')]: postVersion } : {}
    const change = what.root ? marked(authorId, what.root.id, marks) : undefined
    // To its author both lists are new: another first one for followers, sent at the same moment, may not have told the public list yet.
    const lists = audience === 'followers' ? listKeys(authorId) : [keyOf.author(String(authorId), audience)]
    const raised = { ...Object.fromEntries(lists.map((key) => [key, postVersion])), ...change?.raised }
    return { status: 201, body, raised, drops: [...dropsOf(told), ...(change?.drops ?? [])] }
  }

  async function createRepost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const postId = pathId(c)
    try {
      // The root is looked at inside, so that a repetition gets its answer even when the root was deleted meanwhile.
      return await writeOnce(c, authorId, async (tx) => ({ text: null, root: await repostable(tx, authorId, postId) }))
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      const root = await seenPost(db, authorId, postId)
      const standing = await findRepost(db, authorId, root.id)
      if (standing === undefined) throw error
      await settle(await owedFor(db, [keyOf.marks(String(authorId)), ...listKeys(authorId)]))
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

  /** The post a repost of `id` shows: a repost of a repost is one of its root. Others would learn of what is not public by a repost. */
  async function repostable(tx: Queryable, authorId: bigint, id: bigint): Promise<PostRow> {
    await requireActive(tx, authorId)
    const root = await seenPost(tx, authorId, id)
    if (root.audience !== 'public') throw new Problem('forbidden', 'Only what everybody may see can be reposted.')
    return root
  }

  async function deleteRepost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const postId = pathId(c)
    await requireCaller(db, authorId)
    const [post] = await findPosts(db, [postId])
    const standing = post && (await findRepost(db, authorId, post.rootId ?? post.id))
    if (standing !== undefined) return remove(standing, authorId)
    await seenPost(db, authorId, postId).catch(unlessGone)
    await settle(await owedFor(db, [keyOf.marks(String(authorId)), ...listKeys(authorId)]))
    return respond({ status: 204, body: null, raised: {} }, false)
  }

  async function deletePost(c: Context<OriginEnv>): Promise<Response> {
    const authorId = actingUser(c)
    const id = pathId(c)
    await requireCaller(db, authorId)
    const [post] = await findPosts(db, [id])
    if (!post) throw noPost(id)
    if (post.authorId !== authorId) {
      await seenPost(db, authorId, id)
      throw new Problem('forbidden', 'Only its author may delete a post.')
    }
    return remove(id, authorId)
  }

  /** Deletes an activity; a repeated request finishes what the first one may have left undone. */
  async function remove(id: bigint, authorId: bigint): Promise<Response> {
    const bodies = bodyKeys(id)
    const lists = listKeys(authorId)
    const raised = await carryOut({ db, settle }, [...bodies, ...lists, keyOf.marks(String(authorId))], async (tx) => {
      const gone = await deleteActivity(tx, id, authorId)
      if (!gone) return undefined
      const change = gone.rootId === null ? undefined : marked(authorId, gone.rootId, gone.marks)
      const listed = Object.fromEntries(lists.map((key) => [key, gone.postVersion]))
      return {
        raised: { ...Object.fromEntries(bodies.map((key) => [key, gone.truth])), ...listed, ...change?.raised },
        drops: [
          ...bodies.map((key) => ({ key, truth: gone.truth, replacement: TOMBSTONE })),
          ...dropsOf(listed),
          ...(change?.drops ?? []),
          ...(await withdrawPost(tx, id, keyOf.popular())),
        ],
      }
    })
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
