import { sql } from 'drizzle-orm'
import { inTurn, logActivity } from './activities.ts'
import { idArray, type Queryable } from './client.ts'

/** How often a post was liked and reposted: the sums over its slots, of which its truth version is one as well. */
export interface CountsRow {
  readonly postId: string
  readonly likes: number
  readonly reposts: number
  readonly version: number
}

/** The counts of these posts; one that nobody ever liked or reposted is absent. */
export async function countsOf(db: Queryable, postIds: readonly (bigint | string)[]): Promise<CountsRow[]> {
  if (postIds.length === 0) return []
  const rows = await db.execute<{ post_id: bigint; likes: bigint; reposts: bigint; version: bigint }>(sql`
    select post_id, greatest(0, sum(likes))::bigint as likes, greatest(0, sum(reposts))::bigint as reposts, sum(version)::bigint as version
    from post_counts where post_id = any(${idArray(postIds)}) group by post_id`)
  return rows.map((row) => ({
    postId: String(row.post_id),
    likes: Number(row.likes),
    reposts: Number(row.reposts),
    version: Number(row.version),
  }))
}

/** Which posts somebody liked and reposted, newest posts first. */
export interface MarksRow {
  readonly liked: readonly string[]
  readonly reposted: readonly string[]
}

/** The newest posts a viewer liked, and the newest they reposted, at most `limit` each. */
export async function marksOf(db: Queryable, viewerId: string, limit: number): Promise<MarksRow> {
  const [row] = await db.execute<{ liked: string[]; reposted: string[] }>(sql`
    select array(select post_id::text from likes where user_id = ${viewerId} order by likes.post_id desc limit ${limit}) as liked,
      array(
        select root_id::text from posts where author_id = ${viewerId} and root_id is not null and deleted_at is null
        order by posts.root_id desc limit ${limit}) as reposted`)
  return row ?? { liked: [], reposted: [] }
}

/** Which of these posts a viewer liked and reposted. */
export async function marksAmong(db: Queryable, viewerId: string, postIds: readonly string[]): Promise<MarksRow> {
  const [row] = await db.execute<{ liked: string[]; reposted: string[] }>(sql`
    select array(select post_id::text from likes where user_id = ${viewerId} and post_id = any(${idArray(postIds)}) order by likes.post_id desc) as liked,
      array(
        select root_id::text from posts where author_id = ${viewerId} and root_id = any(${idArray(postIds)}) and deleted_at is null
        order by posts.root_id desc) as reposted`)
  return row ?? { liked: [], reposted: [] }
}

/** Truth versions that a like, a repost or its end raised. */
export interface MarksRaised {
  /** Of the `my:` of who did it. */
  readonly marksVersion: number
  /** Of the post's `co:`, as far as it can be seen from here: others count in other slots at the same moment. */
  readonly countsVersion: number
}

/** Writes a like and counts it; undefined when it stood before, or there is no such user. Run it in a transaction. */
export async function insertLike(tx: Queryable, userId: bigint, postId: bigint): Promise<MarksRaised | undefined> {
  await tx.execute(sql`select 1 from viewers, ${inTurn([userId])} where viewer_id = ${userId} for update of viewers`)
  const made = await tx.execute(sql`
    insert into likes (user_id, post_id) select id, ${postId}::bigint from users where id = ${userId} and deleted_at is null
    on conflict do nothing returning 1`)
  return made.length === 0 ? undefined : raised(tx, 'like', userId, postId, { likes: 1, reposts: 0 })
}

/** Removes a like; undefined when there was none. Run it in a transaction. */
export async function deleteLike(tx: Queryable, userId: bigint, postId: bigint): Promise<MarksRaised | undefined> {
  await tx.execute(sql`select 1 from viewers, ${inTurn([userId])} where viewer_id = ${userId} for update of viewers`)
  const gone = await tx.execute(sql`delete from likes where user_id = ${userId} and post_id = ${postId} returning 1`)
  return gone.length === 0 ? undefined : raised(tx, 'unlike', userId, postId, { likes: -1, reposts: 0 })
}

async function raised(
  tx: Queryable,
  kind: 'like' | 'unlike',
  userId: bigint,
  postId: bigint,
  change: Counted,
): Promise<MarksRaised | undefined> {
  const countsVersion = await count(tx, userId, postId, change)
  await logActivity(tx, { kind, actorId: userId, postId })
  const marksVersion = await raiseMarks(tx, userId)
  return marksVersion === undefined ? undefined : { marksVersion, countsVersion }
}

/** Raises what a user's likes and reposts raise; undefined when there is no such user. Lock it before the author: everybody does. */
export async function raiseMarks(tx: Queryable, userId: bigint): Promise<number | undefined> {
  const [row] = await tx.execute<{ marks_version: bigint }>(sql`
    update viewers v set marks_version = marks_version + 1
    from (select viewer_id from viewers, ${inTurn([userId])} where viewer_id = ${userId} for update of viewers) mine
    where v.viewer_id = mine.viewer_id returning marks_version`)
  return row && Number(row.marks_version)
}

/** By how much counts change. */
interface Counted {
  readonly likes: number
  readonly reposts: number
}

/**
 * Counts what a user did to a post, in the slot of that user: many may do so at one moment. Answers the truth version of `co:`. A slot may
 * fall below zero, where what was counted in another is undone; the sum does not.
 */
export async function count(tx: Queryable, userId: bigint, postId: bigint, { likes, reposts }: Counted): Promise<number> {
  await tx.execute(sql`
    insert into post_counts (post_id, slot, likes, reposts) values (${postId}, hashint8(${userId}) & 15, ${likes}, ${reposts})
    on conflict (post_id, slot) do update
    set likes = post_counts.likes + ${likes}, reposts = post_counts.reposts + ${reposts}, version = post_counts.version + 1`)
  const [counts] = await countsOf(tx, [postId])
  return counts?.version ?? 0
}
