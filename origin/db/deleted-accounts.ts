import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { LOCKS } from './locks.ts'

/**
 * What a sweep takes away of a deleted account, each time a bounded number of rows in a transaction of the caller's. All of it is hidden already:
 * readers believe `us:`. Everybody locks viewers, then authors, each in the order of their ids, and so do these.
 */

/**
 * Erases these posts of a deleted account: their texts, the counts of what they reposted, and all that fan-out still has to do for them. Their versions
 * stay: what caches may hold of them is the same word as before. Done twice it does nothing.
 */
export async function erasePosts(tx: Queryable, userId: bigint, postIds: readonly bigint[]): Promise<void> {
  const ids = idArray(postIds)
  // Locked first: of two processes at the same posts one counts.
  await tx.execute(sql`select 1 from posts where id = any(${ids}) order by posts.id for update`)
  await tx.execute(sql`
    insert into post_counts (post_id, slot, reposts)
    select root_id, hashint8(${userId}) & 15, -1 from posts where id = any(${ids}) and root_id is not null and deleted_at is null order by root_id
    on conflict (post_id, slot) do update set reposts = post_counts.reposts - 1, version = post_counts.version + 1`)
  await tx.execute(sql`
    update posts set deleted_at = coalesce(deleted_at, now()), text = left(text, 0)
    where id = any(${ids}) and (deleted_at is null or text <> '')`)
  await tx.execute(sql`delete from fanout_jobs where activity_id = any(${ids})`)
  await tx.execute(sql`delete from dead_jobs where activity_id = any(${ids})`)
  await tx.execute(sql`delete from fanout_chunks where activity_id = any(${ids})`)
}

/** How many rows a step took away, and whose `vw:` it raised to what. */
export interface Removed {
  readonly rows: number
  readonly changed: readonly { readonly viewerId: bigint; readonly viewVersion: number }[]
}

/**
 * Removes some followers of a deleted account: the follows, their edges, and its rows in their timelines. Nothing they see changes, and no version
 * is raised, except for whom this was the last followee: they read what is popular from now on.
 */
export async function removeFollowers(tx: Queryable, userId: bigint, limit: number): Promise<Removed> {
  const some = await tx.execute<{ id: bigint }>(sql`
    select follower_id as id from follows where followee_id = ${userId} order by follower_id limit ${limit}`)
  if (some.length === 0) return { rows: 0, changed: [] }
  const followers = idArray(some.map(({ id }) => id))
  await tx.execute(sql`select 1 from viewers where viewer_id = any(${followers}) order by viewer_id for update`)
  // Nobody else wants this row: who is deleted posts nothing, and is followed by nobody new.
  await tx.execute(sql`
    with gone as (delete from follows where followee_id = ${userId} and follower_id = any(${followers}) returning 1)
    update authors set follower_count = follower_count - (select count(*) from gone) where author_id = ${userId}`)
  await tx.execute(sql`delete from push_edges where author_id = ${userId} and viewer_id = any(${followers})`)
  await tx.execute(sql`delete from backfills where author_id = ${userId} and viewer_id = any(${followers})`)
  await removeRows(tx, userId, some)
  const changed = await raiseViews(
    tx,
    sql`viewer_id = any(${followers}) and not exists (select from follows where follower_id = viewer_id)`,
  )
  return { rows: some.length, changed }
}

/** More posts of one author than a timeline has rows. */
const NEWEST_POSTS = 1_000

/**
 * Deletes the account's rows in these viewers' timelines. By the ids of its posts: an author has few of a timeline's 800 rows, and these lie scattered
 * over the table. Where it posted more than fits, the timelines that reach further down are read as a whole.
 */
async function removeRows(tx: Queryable, userId: bigint, viewers: readonly { readonly id: bigint }[]): Promise<void> {
  const posts = await tx.execute<{ id: bigint }>(sql`
    select id from posts where author_id = ${userId} order by posts.id desc limit ${NEWEST_POSTS}`)
  const ids = idArray(viewers.map(({ id }) => id))
  // A row by its key, always: the planner, which does not know how few there are, would rather read the table.
  await tx.execute(
    sql`select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`,
  )
  await tx.execute(sql`
    with enrolled as materialized (
      select viewer_id, complete_since from viewers where viewer_id = any(${ids}) and enrolled_at is not null
    )
    delete from timeline_entries t using enrolled v, unnest(${idArray(posts.map(({ id }) => id))}) p(id)
    where p.id > v.complete_since and t.viewer_id = v.viewer_id and t.activity_id = p.id`)
  const oldest = posts.at(-1)
  if (!oldest || posts.length < NEWEST_POSTS) return
  await tx.execute(sql`
    delete from timeline_entries t using viewers v
    where v.viewer_id = any(${ids}) and v.complete_since < ${oldest.id} and v.enrolled_at is not null
      and t.viewer_id = v.viewer_id and t.activity_id < ${oldest.id} and t.author_id = ${userId}`)
}

/** Removes some follows by a deleted account, with the edges that led to it. Answers how many. */
export async function removeFollowees(tx: Queryable, userId: bigint, limit: number): Promise<number> {
  const some = await tx.execute<{ id: bigint }>(sql`
    select followee_id as id from follows where follower_id = ${userId} order by followee_id limit ${limit}`)
  if (some.length === 0) return 0
  const followees = idArray(some.map(({ id }) => id))
  await tx.execute(sql`select 1 from viewers where viewer_id = ${userId} for update`)
  // Their posts wait for these locks. A step of the tiers takes as many, in no order.
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCKS.tiers})`)
  await tx.execute(sql`select 1 from authors where author_id = any(${followees}) order by author_id for update`)
  await tx.execute(sql`
    with gone as (
      delete from follows where follower_id = ${userId} and followee_id = any(${followees}) returning followee_id
    ), edges as (
      delete from push_edges where viewer_id = ${userId} and author_id = any(${followees})
    )
    update authors set follower_count = follower_count - 1 from gone where author_id = followee_id`)
  return some.length
}

/** Takes back some likes of a deleted account. Answers how many. */
export async function removeLikes(tx: Queryable, userId: bigint, limit: number): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`
    with gone as (
      delete from likes where user_id = ${userId} and post_id in (
        select post_id from likes where user_id = ${userId} order by likes.post_id limit ${limit}) returning post_id
    ), uncounted as (
      insert into post_counts (post_id, slot, likes) select post_id, hashint8(${userId}) & 15, -1 from gone order by post_id
      on conflict (post_id, slot) do update set likes = post_counts.likes - 1, version = post_counts.version + 1
    )
    select count(*)::int as count from gone`)
  return row?.count ?? 0
}

/** Ends some blocks by a deleted account: those it blocked are told, for their views name it. */
export async function removeBlocks(tx: Queryable, userId: bigint, limit: number): Promise<Removed> {
  const some = await tx.execute<{ id: bigint }>(sql`
    select blocked_id as id from blocks where blocker_id = ${userId} order by blocked_id limit ${limit}`)
  if (some.length === 0) return { rows: 0, changed: [] }
  const blocked = idArray(some.map(({ id }) => id))
  await tx.execute(sql`select 1 from viewers where viewer_id = any(${blocked}) order by viewer_id for update`)
  await tx.execute(sql`delete from blocks where blocker_id = ${userId} and blocked_id = any(${blocked})`)
  return { rows: some.length, changed: await raiseViews(tx, sql`viewer_id = any(${blocked})`) }
}

/** Removes some of what a deleted account alone could see: mutes, requests either way, answers to its retries, its timeline. Answers how many rows. */
export async function removeOwn(tx: Queryable, userId: bigint, limit: number): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`
    with muted as (
      delete from mutes where viewer_id = ${userId} and author_id in (select author_id from mutes where viewer_id = ${userId} limit ${limit}) returning 1
    ), asked as (
      delete from follow_requests where requester_id = ${userId}
        and target_id in (select target_id from follow_requests where requester_id = ${userId} limit ${limit}) returning 1
    ), asking as (
      delete from follow_requests where target_id = ${userId}
        and requester_id in (select requester_id from follow_requests where target_id = ${userId} limit ${limit}) returning 1
    ), answered as (
      delete from idempotency_keys where user_id = ${userId} and key in (select key from idempotency_keys where user_id = ${userId} limit ${limit}) returning 1
    ), shown as (
      delete from timeline_entries where viewer_id = ${userId} returning 1
    )
    select ((select count(*) from muted) + (select count(*) from asked) + (select count(*) from asking)
      + (select count(*) from answered) + (select count(*) from shown))::int as count`)
  return row?.count ?? 0
}

/** Raises what these viewers' `vw:` is judged by. */
async function raiseViews(tx: Queryable, condition: SQL): Promise<Removed['changed']> {
  const rows = await tx.execute<{ viewer_id: bigint; view_version: bigint }>(sql`
    update viewers set view_version = view_version + 1, changed_at = clock_timestamp() where ${condition} returning viewer_id, view_version`)
  return rows.map((row) => ({ viewerId: row.viewer_id, viewVersion: Number(row.view_version) }))
}
