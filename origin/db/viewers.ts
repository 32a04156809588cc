import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

export interface ViewerRow {
  readonly viewerId: bigint
  readonly viewVersion: number
  readonly followVersion: number
  readonly marksVersion: number
  readonly enrolled: boolean
  readonly completeSince: bigint
  readonly deleted: boolean
}

/** The viewers with these ids, deleted ones included. */
export async function findViewers(db: Queryable, ids: readonly (bigint | string)[]): Promise<ViewerRow[]> {
  if (ids.length === 0) return []
  const rows = await db.execute<{
    viewer_id: bigint
    view_version: bigint
    follow_version: bigint
    marks_version: bigint
    enrolled: boolean
    complete_since: bigint
    deleted: boolean
  }>(sql`
    select viewer_id, view_version, follow_version, marks_version, enrolled_at is not null as enrolled, complete_since,
      deleted_at is not null as deleted
    from viewers join users on id = viewer_id where viewer_id = any(${idArray(ids)})`)
  return rows.map((row) => ({
    viewerId: row.viewer_id,
    viewVersion: Number(row.view_version),
    followVersion: Number(row.follow_version),
    marksVersion: Number(row.marks_version),
    enrolled: row.enrolled,
    completeSince: row.complete_since,
    deleted: row.deleted,
  }))
}

/**
 * Enrols a viewer in fan-out: from the commit on, every chunk that is cut finds their edges, and that they are present. False when already enrolled.
 * What reads the posts for them must start after this one committed.
 */
export async function enrol(tx: Queryable, viewerId: bigint): Promise<boolean> {
  const dormant = await tx.execute(sql`select 1 from viewers where viewer_id = ${viewerId} and enrolled_at is null for update`)
  if (dormant.length === 0) return false
  await tx.execute(sql`
    insert into push_edges (author_id, viewer_id) select followee_id, follower_id from follows where follower_id = ${viewerId}
    on conflict do nothing`)
  // Complete from nowhere until the rebuild has committed: until then reads take the posts, and a process that dies leaves it owed.
  await tx.execute(sql`
    update viewers set enrolled_at = now(), last_active_at = now(), present_until = now() + make_interval(hours => ${PRESENT_HOURS}),
      complete_since = ${NOT_REBUILT}::bigint where viewer_id = ${viewerId}`)
  return true
}

/** `complete_since` of a viewer who is enrolled but not yet rebuilt. */
export const NOT_REBUILT = 9_223_372_036_854_775_807n

/** Whom a viewer unfollowed within the last hours. */
export async function departuresOf(
  db: Queryable,
  viewerIds: readonly string[],
  hours: number,
): Promise<{ viewerId: bigint; authorId: bigint }[]> {
  const rows = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    select viewer_id, author_id from departures
    where viewer_id = any(${idArray(viewerIds)}) and left_at > now() - make_interval(hours => ${hours}) order by author_id`)
  return rows.map((row) => ({ viewerId: row.viewer_id, authorId: row.author_id }))
}

/** Longer than a timeline that is filled now lives in L2, by the hour in which nothing is noted (hours). */
const PRESENT_HOURS = 27

/**
 * Notes that a viewer reads, and that a timeline of theirs may be present in L2 from now on; at most once an hour. Before the snapshot that fills it: a hot
 * post that the snapshot does not see commits later than this, and is pushed.
 */
export async function noteActivity(db: Queryable, viewerId: bigint): Promise<void> {
  await db.execute(sql`
    update viewers set last_active_at = now(), present_until = now() + make_interval(hours => ${PRESENT_HOURS})
    where viewer_id = ${viewerId} and enrolled_at is not null and present_until < now() + make_interval(hours => ${PRESENT_HOURS - 1})`)
}

/** Lets viewers who have not read for `days` go dormant: nothing is pushed to them until they return. Answers how many. */
export async function retireViewers(tx: Queryable, days: number, limit: number): Promise<number> {
  const rows = await tx.execute<{ viewer_id: bigint }>(sql`
    update viewers set enrolled_at = null where viewer_id in (
      select viewer_id from viewers where enrolled_at is not null and last_active_at < now() - make_interval(days => ${days})
      order by viewer_id limit ${limit} for update skip locked)
    returning viewer_id`)
  const ids = idArray(rows.map((row) => row.viewer_id))
  await tx.execute(sql`delete from push_edges where viewer_id = any(${ids})`)
  await tx.execute(sql`delete from timeline_entries where viewer_id = any(${ids})`)
  return rows.length
}
