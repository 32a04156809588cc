import { sql } from 'drizzle-orm'
import { idArray, prepared, type Queryable } from './client.ts'
import { type EntryRow, type RawEntry, toEntry } from './entries.ts'

/**
 * The newest entries of a viewer, at most `limit`, restricted to the follows of now: their rows, and of `unpushed` followees the posts that rows need not hold.
 * What was deleted or hidden since is among the rows: readers look at `po:` and `us:`. Read `complete_since` and who is unpushed in the
 * same snapshot: a trim in between would hide a hole.
 */
export async function timelineOf(
  db: Queryable,
  viewerId: bigint,
  completeSince: bigint,
  limit: number,
  unpushed: readonly bigint[],
): Promise<EntryRow[]> {
  const rowsOf = sql`
    select activity_id, author_id as actor_id, coalesce(audience, 'public') as audience, root_id, root_author_id from timeline_entries
    where viewer_id = ${viewerId} and activity_id > ${completeSince}
      and exists (select from follows f where f.follower_id = ${viewerId} and f.followee_id = author_id)
    order by activity_id desc limit ${limit}`
  if (unpushed.length === 0) return (await db.execute<RawEntry>(rowsOf)).map(toEntry)
  const postsOf = sql`posts where author_id = source.id and mode <> 'push' and deleted_at is null and id > ${completeSince}`
  // A sample of each author tells a floor: the `limit`th newest of what is known is not above that of all.
  const sample = 1 + Math.ceil((2 * limit) / unpushed.length)
  const rows = await db.execute<RawEntry>(sql`
    with entry as materialized (${rowsOf}), source as materialized (
      select id, private from users where id = any(${idArray(unpushed)})
    ), known as (
      select activity_id from entry
      union select newest.id from source cross join lateral (select id from ${postsOf} order by id desc limit ${sample}) newest
    ), floor as materialized (
      select coalesce((select activity_id from known order by activity_id desc offset ${limit - 1} limit 1), ${completeSince}::bigint) as id
    )
    select distinct on (activity_id) activity_id, actor_id, audience, root_id, root_author_id from (
      select *, true as is_row from entry
      union all select post.id, source.id, case when private then 'followers' else audience end, root_id, root_author_id, false from source cross join lateral (
        select id, audience, root_id, root_author_id from ${postsOf} and id >= (select id from floor) order by id desc limit ${limit}) post
    ) line order by activity_id desc, is_row limit ${limit}`)
  return rows.map(toEntry)
}

/**
 * The followees of a viewer who are, or may become, crowded; and those with posts of which timelines hold more than rows (`inTimelines`). Looked for follow by follow: a
 * plan that begins with all such authors of the world is ten times as dear once many of them have come or gone.
 */
export async function bigFolloweesOf(
  db: Queryable,
  viewerId: bigint,
): Promise<{ readonly candidates: bigint[]; readonly unpushed: bigint[] }> {
  const rows = await db.execute<{ author_id: bigint; candidate: boolean; unpushed: boolean }>(sql`
    with followee as materialized (select followee_id from follows where follower_id = ${viewerId})
    select big.* from followee cross join lateral (
      select author_id, candidate_since is not null as candidate, unpushed and route <> 'pull' as unpushed from authors
      where author_id = followee_id and (candidate_since is not null or unpushed) limit 1) big`)
  const idsWhere = (is: 'candidate' | 'unpushed') => rows.filter((row) => row[is]).map((row) => row.author_id)
  return { candidates: idsWhere('candidate'), unpushed: idsWhere('unpushed') }
}

/** Cuts timelines to their newest `cap` rows; what is cut raises `complete_since`. A late old row never evicts a newer one. */
export async function trimTimelines(db: Queryable, viewerIds: readonly string[], cap: number): Promise<void> {
  await prepared(db).execute(sql`
    with viewer as materialized (
      select viewer_id from viewers where viewer_id = any(${idArray(viewerIds)}) order by viewer_id for update
    ), cut as materialized (
      select viewer_id, c.activity_id from viewer cross join lateral (
        select activity_id from timeline_entries t where t.viewer_id = viewer.viewer_id order by activity_id desc offset ${cap} limit 1) c
    ), gone as (
      delete from timeline_entries t using cut where t.viewer_id = cut.viewer_id and t.activity_id <= cut.activity_id
    )
    update viewers v set complete_since = greatest(v.complete_since, cut.activity_id) from cut where v.viewer_id = cut.viewer_id`)
}
