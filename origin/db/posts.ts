import { type SQL, sql } from 'drizzle-orm'
import { inTurn, logActivity, logEntry } from './activities.ts'
import { idArray, prepared, type Queryable } from './client.ts'
import { EFFECTIVE_AUDIENCE } from './entries.ts'
import { costOf, type Turns, turnOf } from './jobs.ts'
import { count, type MarksRaised, raiseMarks } from './likes.ts'

/** What a post costs its author's turn: a pulled one has one chunk without viewers. */
const COST = costOf(sql`case route when 'pull' then 0 else follower_count end`)

export interface PostRow {
  readonly id: bigint
  readonly authorId: bigint
  readonly text: string | null
  readonly rootId: bigint | null
  readonly rootAuthorId: bigint | null
  readonly version: number
  readonly deleted: boolean
  /** As it is now: `followers` while its author's account is private, too. */
  readonly audience: 'public' | 'followers'
  /** Raised with the author's `private`, suspension and deletion. */
  readonly visibilityVersion: number
  /** Its author is suspended or deleted. */
  readonly withdrawn: boolean
}

interface NewActivity {
  readonly id: bigint
  readonly authorId: bigint
  readonly text: string | null
  readonly root: { readonly id: bigint; readonly authorId: bigint } | null
  /** Everybody's where it is not said. */
  readonly audience?: PostRow['audience'] | undefined
}

/** What decides when a new job has its turn, and in which lane. */
export interface Queueing {
  /** As read of late; where it is not said, nothing waits. */
  readonly turns?: Turns
  /** An author of more takes the big lane. */
  readonly bigLaneFollowers?: number
}

/** What a new activity raised. */
export interface ActivityRaised {
  /** Who may see it: of its author's two lists it is in this one. */
  readonly audience: PostRow['audience']
  /** Truth version of both lists of its author. */
  readonly postVersion: number
  /** It is the first that only followers may see, which the public list does not know yet. */
  readonly firstForFollowers: boolean
  /** Of a repost. */
  readonly marks: MarksRaised | undefined
}

/**
 * Writes an activity and its fan-out job in one statement, with the delivery mode decided under the lock of the author's row; a repost is
 * counted and marked as well. Undefined when there is no such author, or they are suspended. Throws a unique violation when the root was
 * reposted already. Run it in a transaction.
 */
export async function insertActivity(tx: Queryable, activity: NewActivity, queueing: Queueing = {}): Promise<ActivityRaised | undefined> {
  const { authorId, root, audience = 'public' } = activity
  const { turns = {}, bigLaneFollowers = 2_000 } = queueing
  const lane = sql`(route <> 'pull' and follower_count > ${bigLaneFollowers})::int`
  const marksVersion = root ? await raiseMarks(tx, authorId) : undefined
  // A statement of its own, sent together with the next one, which reads under this lock how visible the account is now, and what of it stands.
  const lock = sql`select 1 from authors, ${inTurn([authorId])} where author_id = ${authorId} for update of authors`
  const stands = (condition: SQL) => sql`exists (select from posts where author_id = ${authorId} and deleted_at is null and ${condition})`
  const logged = logEntry(
    { kind: root ? 'repost' : 'post', actorId: authorId, postId: activity.id, rootId: root?.id, audience },
    sql`from post`,
  )
  const write = sql`
    with author as (
      update authors set post_version = post_version + 1, last_post_id = greatest(last_post_id, ${activity.id}::bigint),
        unpushed = unpushed or hot or route = 'pull', turn_at = ${turnOf(turns, lane)} + ${COST}
      where author_id = ${authorId} and exists (select from users where id = ${authorId} and deleted_at is null and suspended_at is null)
      returning author_id, post_version, route, hot, follower_count, turn_at - ${COST} as turn_at
    ), post as (
      insert into posts (id, author_id, text, root_id, root_author_id, mode, audience)
      select ${activity.id}::bigint, ${authorId}::bigint, ${activity.text}::text, ${root?.id ?? null}::bigint,
        ${root?.authorId ?? null}::bigint, case when route = 'pull' then 'pull' when hot then 'hot' else 'push' end, ${audience}
      from author returning mode
    ), job as (
      insert into fanout_jobs (activity_id, author_id, mode, lane, turn_at)
      select ${activity.id}::bigint, ${authorId}::bigint, mode, ${lane}, turn_at
      from author, post
    ), log as (${logged}
    )
    select post_version, case when private then 'followers' else ${audience} end as audience, case
        when private then not ${stands(sql`true`)}
        else ${audience} = 'followers' and not ${stands(sql`audience = 'followers'`)} end as first_for_followers
    from author join users on id = author_id`
  const named = prepared(tx)
  type Written = { post_version: bigint; audience: PostRow['audience']; first_for_followers: boolean }
  const [, [row]] = await Promise.all([named.execute(lock), named.execute<Written>(write)])
  if (!row) return undefined
  const marks =
    root && marksVersion !== undefined
      ? { marksVersion, countsVersion: await count(tx, authorId, root.id, { likes: 0, reposts: 1 }) }
      : undefined
  return { audience: row.audience, postVersion: Number(row.post_version), firstForFollowers: row.first_for_followers, marks }
}

/** What the end of an activity raised. */
export interface DeletedRaised {
  /** Truth version of its body. */
  readonly truth: number
  /** Truth version of both lists of its author. */
  readonly postVersion: number
  /** Of a repost: the post it showed. */
  readonly rootId: bigint | null
  /** Of a repost. */
  readonly marks: MarksRaised | undefined
}

/** Marks an activity deleted and raises its version and its author's; undefined when it was deleted before. Run it in a transaction. */
export async function deleteActivity(tx: Queryable, activityId: bigint, authorId: bigint): Promise<DeletedRaised | undefined> {
  const [standing] = await tx.execute<{ root_id: bigint | null }>(sql`
    select root_id from posts where id = ${activityId} and author_id = ${authorId} and deleted_at is null`)
  if (!standing) return undefined
  const { root_id: rootId } = standing
  const marksVersion = rootId === null ? undefined : await raiseMarks(tx, authorId)
  // A statement of its own: the next one reads, under this lock, how visible the account is now.
  const [author] = await tx.execute<{ post_version: bigint }>(sql`
    update authors set post_version = post_version + 1 from ${inTurn([authorId])} where author_id = ${authorId} returning post_version`)
  const [post] = await tx.execute<{ truth: bigint }>(sql`
    update posts p set deleted_at = now(), version = p.version + 1 from users u
    where p.id = ${activityId} and p.deleted_at is null and u.id = p.author_id returning p.version + visibility_version as truth`)
  if (!author || !post) return undefined
  await logActivity(tx, { kind: 'delete', actorId: authorId, postId: activityId, rootId })
  const marks =
    rootId !== null && marksVersion !== undefined
      ? { marksVersion, countsVersion: await count(tx, authorId, rootId, { likes: 0, reposts: -1 }) }
      : undefined
  return { truth: Number(post.truth), postVersion: Number(author.post_version), rootId, marks }
}

/** The posts with these ids, deleted ones included. */
export async function findPosts(db: Queryable, ids: readonly (bigint | string)[]): Promise<PostRow[]> {
  if (ids.length === 0) return []
  const rows = await db.execute<RawPost>(sql`
    select p.id, author_id, text, root_id, root_author_id, p.version, p.deleted_at is not null as deleted, ${EFFECTIVE_AUDIENCE} as audience,
      visibility_version, u.suspended_at is not null or u.deleted_at is not null as withdrawn
    from posts p join users u on u.id = author_id where p.id = any(${idArray(ids)})`)
  return rows.map(toPost)
}

/** The author's standing repost of a root, if there is one. */
export async function findRepost(db: Queryable, authorId: bigint, rootId: bigint): Promise<bigint | undefined> {
  const [row] = await db.execute<{ id: bigint }>(sql`
    select id from posts where author_id = ${authorId} and root_id = ${rootId} and deleted_at is null`)
  return row?.id
}

type RawPost = {
  id: bigint
  author_id: bigint
  text: string | null
  root_id: bigint | null
  root_author_id: bigint | null
  version: bigint
  deleted: boolean
  audience: PostRow['audience']
  visibility_version: bigint
  withdrawn: boolean
}

const toPost = (row: RawPost): PostRow => ({
  id: row.id,
  authorId: row.author_id,
  text: row.text,
  rootId: row.root_id,
  rootAuthorId: row.root_author_id,
  version: Number(row.version),
  deleted: row.deleted,
  audience: row.audience,
  visibilityVersion: Number(row.visibility_version),
  withdrawn: row.withdrawn,
})

/** An answer that a repeated Idempotency-Key gets again. */
export interface StoredAnswer {
  readonly fingerprint: string
  readonly status: number
  readonly body: unknown
  readonly raised: Readonly<Record<string, number>>
}

/** Stores the answer beside what it made, in the same transaction. Throws a unique violation when the key was used. */
export async function storeAnswer(tx: Queryable, userId: bigint, key: string, answer: StoredAnswer): Promise<void> {
  await prepared(tx).execute(sql`
    insert into idempotency_keys (user_id, key, fingerprint, status, body, raised)
    values (${userId}, ${key}, ${answer.fingerprint}, ${answer.status}, ${JSON.stringify(answer.body)}::json, ${JSON.stringify(answer.raised)}::jsonb)`)
}

export async function findAnswer(db: Queryable, userId: bigint, key: string): Promise<StoredAnswer | undefined> {
  const [row] = await db.execute<{ fingerprint: string; status: number; body: unknown; raised: Record<string, number> }>(sql`
    select fingerprint, status, body, raised from idempotency_keys where user_id = ${userId} and key = ${key}`)
  return row
}
