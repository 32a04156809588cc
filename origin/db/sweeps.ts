import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import type { ViewerVersions } from './follows.ts'
import { LOCKS } from './locks.ts'

/** An account whose posts' bodies are to leave L2, because who may see them has changed. */
export interface Sweep {
  readonly authorId: bigint
  /** Newer posts have been swept. */
  readonly belowPost: bigint
  readonly accountDeleted: boolean
  /** Until when it is held: by it a sweep that began anew meanwhile is told from this one. */
  readonly heldUntil: string
}

/** Takes the sweep that has been due longest, for five seconds: nobody else gets it before. */
export async function takeSweep(db: Queryable): Promise<Sweep | undefined> {
  const [row] = await db.execute<{ author_id: bigint; below_post: bigint; held_until: string; account_deleted: boolean }>(sql`
    update sweeps set due_at = clock_timestamp() + interval '5 seconds'
    where author_id = (select author_id from sweeps where due_at <= now() order by due_at limit 1 for update skip locked)
    returning author_id, below_post, due_at::text as held_until,
      (select deleted_at is not null from users where id = author_id) as account_deleted`)
  return row && { authorId: row.author_id, belowPost: row.below_post, heldUntil: row.held_until, accountDeleted: row.account_deleted }
}

/** Moves a sweep on, unless it began anew or somebody else took it. */
export async function moveSweep(db: Queryable, { authorId, heldUntil }: Sweep, belowPost: bigint): Promise<void> {
  await db.execute(sql`
    update sweeps set below_post = ${belowPost}, due_at = clock_timestamp() where author_id = ${authorId} and due_at = ${heldUntil}::timestamptz`)
}

/** Ends a sweep. It is kept for a while: where Redis loses what was done, it begins anew. */
export async function endSweep(db: Queryable, { authorId, heldUntil }: Sweep): Promise<void> {
  await db.execute(sql`
    update sweeps set below_post = 0, due_at = 'infinity' where author_id = ${authorId} and due_at = ${heldUntil}::timestamptz`)
}

/** Sweeps all again that have not been forgotten: Redis may have lost what they did. */
export async function restartSweeps(db: Queryable): Promise<void> {
  await db.execute(sql`update sweeps set below_post = 9223372036854775807, due_at = clock_timestamp()`)
}

/** Forgets sweeps that ended, when no recovery can ask for them any more. */
export async function pruneSweeps(db: Queryable): Promise<void> {
  await db.execute(sql`
    delete from sweeps using users
    where id = author_id and due_at = 'infinity' and visibility_changed_at < now() - interval '2 hours'`)
}

/** The newest posts of an author below an id that stand, each with its truth version of now. */
export async function postsToSweep(db: Queryable, { authorId, belowPost }: Sweep, limit: number): Promise<{ id: bigint; truth: number }[]> {
  const rows = await db.execute<{ id: bigint; truth: bigint }>(sql`
    select p.id, p.version + visibility_version as truth from posts p join users u on u.id = author_id
    where author_id = ${authorId} and p.id < ${belowPost} and p.deleted_at is null order by p.id desc limit ${limit}`)
  return rows.map((row) => ({ id: row.id, truth: Number(row.truth) }))
}

/** What the end of follows of a deleted account leaves to do. */
export interface RemovedFollows {
  readonly count: number
  /** Who followed it, with the versions that were raised. */
  readonly followers: readonly ({ readonly viewerId: bigint } & ViewerVersions)[]
}

/**
 * Removes some follows of a deleted account and by it, with what fan-out knows of them, and its timeline, and raises what its followers' views are judged by.
 * Locks as everybody does: viewers, then authors, each in the order of their ids. Run it in a transaction.
 */
export async function removeFollowsOf(tx: Queryable, userId: bigint, limit: number): Promise<RemovedFollows> {
  const following = await tx.execute<{ id: bigint }>(sql`
    select follower_id as id from follows where followee_id = ${userId} order by follower_id limit ${limit}`)
  const followed = await tx.execute<{ id: bigint }>(sql`
    select followee_id as id from follows where follower_id = ${userId} order by followee_id limit ${limit}`)
  const followers = idArray(following.map(({ id }) => id))
  const followees = idArray(followed.map(({ id }) => id))
  await tx.execute(sql`select 1 from viewers where viewer_id = any(${followers}) order by viewer_id for update`)
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCKS.tiers})`)
  await tx.execute(sql`select 1 from authors where author_id = any(${followees}) or author_id = ${userId} order by author_id for update`)
  const gone = await tx.execute<{ follower_id: bigint; followee_id: bigint }>(sql`
    delete from follows
    where (followee_id = ${userId} and follower_id = any(${followers})) or (follower_id = ${userId} and followee_id = any(${followees}))
    returning follower_id, followee_id`)
  await tx.execute(sql`
    update authors set follower_count = follower_count - lost.count
    from (select id, count(*)::int as count from unnest(${idArray(gone.map((row) => row.followee_id))}) gone(id) group by id) lost where author_id = lost.id`)
  await tx.execute(sql`
    delete from push_edges where (author_id = ${userId} and viewer_id = any(${followers})) or (viewer_id = ${userId} and author_id = any(${followees}))`)
  await tx.execute(sql`delete from backfills where author_id = ${userId} and viewer_id = any(${followers})`)
  await tx.execute(sql`delete from timeline_entries where viewer_id = ${userId}`)
  const raised = await tx.execute<{ viewer_id: bigint; view_version: bigint; follow_version: bigint }>(sql`
    update viewers set view_version = view_version + 1, changed_at = clock_timestamp()
    where viewer_id = any(${followers}) returning viewer_id, view_version, follow_version`)
  return {
    count: gone.length,
    followers: raised.map((row) => ({
      viewerId: row.viewer_id,
      viewVersion: Number(row.view_version),
      followVersion: Number(row.follow_version),
    })),
  }
}
