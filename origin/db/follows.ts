import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { heldByRows } from './timelines.ts'

/** `left` names at most this many authors; beyond it the timeline is dropped instead. */
const MAX_DEPARTURES = 1_000
/** Longer than a timeline lives in L2 (hours). */
export const DEPARTURE_HOURS = 25

/**
 * Writes a follow, with the edge fan-out reads where the follower is enrolled, and a backfill that is still to be done.
 * `already` when it stood before. Run it in a transaction.
 */
export async function insertFollow(
  tx: Queryable,
  followerId: bigint,
  followeeId: bigint,
): Promise<'created' | 'already' | 'unknown follower' | 'unknown followee'> {
  const known = await tx.execute<{ id: bigint }>(
    sql`select id from users where id in (${followerId}, ${followeeId}) and deleted_at is null`,
  )
  if (!known.some(({ id }) => id === followerId)) return 'unknown follower'
  if (!known.some(({ id }) => id === followeeId)) return 'unknown followee'
  // The viewer's row first: an enrolment of the same viewer waits, or has finished and left enrolled_at for us to see.
  const [viewer] = await tx.execute<{ enrolled: boolean }>(sql`
    select enrolled_at is not null as enrolled from viewers where viewer_id = ${followerId} for update`)
  // Viewer, author, user: everybody locks in this order, and the foreign keys of the follow lock users.
  await tx.execute(sql`select 1 from authors where author_id = ${followeeId} for update`)
  const created = await tx.execute(sql`
    insert into follows (follower_id, followee_id) values (${followerId}, ${followeeId}) on conflict do nothing returning 1`)
  if (created.length === 0) return 'already'
  if (viewer?.enrolled) {
    await tx.execute(sql`insert into push_edges (author_id, viewer_id) values (${followeeId}, ${followerId}) on conflict do nothing`)
  }
  await tx.execute(sql`delete from departures where viewer_id = ${followerId} and author_id = ${followeeId}`)
  await tx.execute(sql`
    insert into backfills (viewer_id, author_id, due_at) values (${followerId}, ${followeeId}, now() + interval '5 seconds')
    on conflict (viewer_id, author_id) do update set due_at = excluded.due_at`)
  await tx.execute(sql`update authors set follower_count = follower_count + 1 where author_id = ${followeeId}`)
  return 'created'
}

/** Versions that a change of the follow graph raised. */
export interface ViewerVersions {
  readonly viewVersion: number
  readonly followVersion: number
}

/**
 * Copies the newest posts of a new followee that rows hold into an enrolled viewer's timeline, and raises the follow version, so that
 * every timeline filled before is a miss. Must run in a transaction that starts after the follow committed: a post committed
 * before our snapshot is copied, one committed after it finds the edge. Undefined when another process has done it.
 */
export async function backfill(tx: Queryable, viewerId: bigint, authorId: bigint, cap: number): Promise<ViewerVersions | undefined> {
  const [viewer] = await tx.execute<{ enrolled: boolean }>(sql`
    select enrolled_at is not null as enrolled from viewers where viewer_id = ${viewerId} for update`)
  const owed = await tx.execute(sql`delete from backfills where viewer_id = ${viewerId} and author_id = ${authorId} returning 1`)
  if (owed.length === 0) return undefined
  if (viewer?.enrolled) {
    // Where the author has more of them than we copy, the timeline is complete only above the oldest copied one.
    await tx.execute(sql`
      with newest as (
        select id, row_number() over (order by id desc) as place from posts join authors using (author_id)
        where author_id = ${authorId} and deleted_at is null and ${heldByRows(sql`posts`, sql`authors`)}
          and exists (select from follows where follower_id = ${viewerId} and followee_id = ${authorId})
        order by id desc limit ${cap + 1}
      ), copied as (
        insert into timeline_entries (viewer_id, activity_id) select ${viewerId}::bigint, id from newest where place <= ${cap} order by id
        on conflict do nothing
      )
      update viewers set complete_since = greatest(complete_since, (select coalesce(max(id) filter (where place = ${cap + 1}), 0) from newest))
      where viewer_id = ${viewerId}`)
  }
  return raiseVersions(tx, viewerId, true)
}

/** Takes follows whose backfill was left behind by a process that died, and holds them for five seconds. */
export async function takeBackfills(db: Queryable, limit: number): Promise<{ readonly viewerId: bigint; readonly authorId: bigint }[]> {
  const rows = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    update backfills set due_at = now() + interval '5 seconds'
    where (viewer_id, author_id) in (
      select viewer_id, author_id from backfills where due_at <= now() order by due_at limit ${limit} for update skip locked)
    returning viewer_id, author_id`)
  return rows.map((row) => ({ viewerId: row.viewer_id, authorId: row.author_id }))
}

/** Is a backfill of this follow still to be done? */
export async function owesBackfill(db: Queryable, viewerId: bigint, authorId: bigint): Promise<boolean> {
  return (await db.execute(sql`select 1 from backfills where viewer_id = ${viewerId} and author_id = ${authorId}`)).length > 0
}

/** Removes a follow; undefined when there was none. Run it in a transaction. */
export async function deleteFollow(
  tx: Queryable,
  followerId: bigint,
  followeeId: bigint,
): Promise<(ViewerVersions & { readonly dropTimeline: boolean }) | undefined> {
  await tx.execute(sql`select 1 from viewers where viewer_id = ${followerId} for update`)
  const gone = await tx.execute(sql`
    delete from follows where follower_id = ${followerId} and followee_id = ${followeeId} returning 1`)
  if (gone.length === 0) return undefined
  await tx.execute(sql`delete from push_edges where author_id = ${followeeId} and viewer_id = ${followerId}`)
  await tx.execute(sql`delete from backfills where author_id = ${followeeId} and viewer_id = ${followerId}`)
  await tx.execute(sql`
    insert into departures (viewer_id, author_id) values (${followerId}, ${followeeId})
    on conflict (viewer_id, author_id) do update set left_at = now()`)
  const [departures] = await tx.execute<{ many: boolean }>(sql`
    select count(*) > ${MAX_DEPARTURES} as many from departures where viewer_id = ${followerId}`)
  const dropTimeline = departures?.many ?? false
  if (dropTimeline) await tx.execute(sql`delete from departures where viewer_id = ${followerId}`)
  await tx.execute(sql`update authors set follower_count = follower_count - 1 where author_id = ${followeeId}`)
  const versions = await raiseVersions(tx, followerId, dropTimeline)
  return versions && { ...versions, dropTimeline }
}

async function raiseVersions(tx: Queryable, viewerId: bigint, follow: boolean): Promise<ViewerVersions | undefined> {
  const [row] = await tx.execute<{ view_version: bigint; follow_version: bigint }>(sql`
    update viewers set view_version = view_version + 1, follow_version = follow_version + ${follow ? 1 : 0}
    where viewer_id = ${viewerId} returning view_version, follow_version`)
  return row && { viewVersion: Number(row.view_version), followVersion: Number(row.follow_version) }
}
