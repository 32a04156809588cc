import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { EFFECTIVE_AUDIENCE } from './timelines.ts'

/** Authors with more followers than this go through the big lane of fan-out. */
const BIG_LANE_FOLLOWERS = 2_000

/** The channel on which a new job is announced to idle workers. */
export const FANOUT_CHANNEL = 'tideline_fanout'

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
}

/**
 * Writes an activity and its fan-out job in one statement, with the delivery mode decided under the lock of the author's row.
 * Undefined when there is no such author. Throws a unique violation when the root was reposted already.
 */
export async function insertActivity(tx: Queryable, activity: NewActivity): Promise<{ readonly postVersion: number } | undefined> {
  const [row] = await tx.execute<{ post_version: bigint }>(sql`
    with author as (
      update authors set post_version = post_version + 1, last_post_id = greatest(last_post_id, ${activity.id}::bigint)
      where author_id = ${activity.authorId} and exists (select from users where id = ${activity.authorId} and deleted_at is null)
      returning post_version, route, follower_count
    ), post as (
      insert into posts (id, author_id, text, root_id, root_author_id, mode)
      select ${activity.id}::bigint, ${activity.authorId}::bigint, ${activity.text}::text, ${activity.root?.id ?? null}::bigint,
        ${activity.root?.authorId ?? null}::bigint, case route when 'pull' then 'pull' else 'push' end
      from author returning mode
    ), job as (
      insert into fanout_jobs (activity_id, author_id, mode, lane)
      select ${activity.id}::bigint, ${activity.authorId}::bigint, mode, (follower_count > ${BIG_LANE_FOLLOWERS})::int from author, post
    )
    select post_version, pg_notify(${FANOUT_CHANNEL}, '') from author`)
  return row && { postVersion: Number(row.post_version) }
}

/** Marks an activity deleted and raises its version and its author's; undefined when it was deleted before. Run it in a transaction. */
export async function deleteActivity(
  tx: Queryable,
  activityId: bigint,
  authorId: bigint,
): Promise<{ readonly version: number; readonly postVersion: number } | undefined> {
  const [row] = await tx.execute<{ version: bigint; post_version: bigint }>(sql`
    with author as (
      update authors set post_version = post_version + 1 where author_id = ${authorId} returning post_version
    ), post as (
      update posts set deleted_at = now(), version = version + 1
      where id = ${activityId} and author_id = ${authorId} and deleted_at is null returning version
    )
    select post.version, author.post_version from post, author`)
  return row && { version: Number(row.version), postVersion: Number(row.post_version) }
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
  await tx.execute(sql`
    insert into idempotency_keys (user_id, key, fingerprint, status, body, raised)
    values (${userId}, ${key}, ${answer.fingerprint}, ${answer.status}, ${JSON.stringify(answer.body)}::json, ${JSON.stringify(answer.raised)}::jsonb)`)
}

export async function findAnswer(db: Queryable, userId: bigint, key: string): Promise<StoredAnswer | undefined> {
  const [row] = await db.execute<{ fingerprint: string; status: number; body: unknown; raised: Record<string, number> }>(sql`
    select fingerprint, status, body, raised from idempotency_keys where user_id = ${userId} and key = ${key}`)
  return row
}
