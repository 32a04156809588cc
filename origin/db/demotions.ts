import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { trimTimelines } from './timelines.ts'

/** A demoted author whose pulled posts are still to be copied into followers' timelines. */
export interface Demotion {
  readonly authorId: bigint
  /** Followers up to this one have their copies. */
  readonly afterViewer: bigint
}

/** Takes a copy that is to go on, for this transaction: other processes get another one. */
export async function takeDemotion(tx: Queryable): Promise<Demotion | undefined> {
  const [row] = await tx.execute<{ author_id: bigint; after_viewer: bigint }>(sql`
    select author_id, after_viewer from demotions where copied_at is null order by author_id limit 1 for update skip locked`)
  return row && { authorId: row.author_id, afterViewer: row.after_viewer }
}

/**
 * The next followers who get pushes, locked in the order everybody locks viewers. Whose rebuild or backfill read `route = 'pull'` and
 * left the pulled posts out holds the viewer until it has committed: we wait for it, and add to what it wrote. Whoever
 * is not seen here enrols or follows after the demotion has committed, and copies the posts without us.
 */
export async function lockFollowers(tx: Queryable, { authorId, afterViewer }: Demotion, limit: number): Promise<bigint[]> {
  const rows = await tx.execute<{ viewer_id: bigint }>(sql`
    with edge as materialized (
      select viewer_id from push_edges where author_id = ${authorId} and viewer_id > ${afterViewer}::bigint order by viewer_id limit ${limit}
    )
    select viewer_id from viewers join edge using (viewer_id) order by viewer_id for update of viewers`)
  return rows.map((row) => row.viewer_id)
}

/**
 * Copies the author's newest pulled posts, at most `cap`, into the rows of these viewers, whom the caller has locked, and cuts those to
 * `cap`. Where the author has more, a timeline is complete only above the oldest copied one. Who unfollowed or went dormant
 * while we waited for the lock gets rows that no read shows: the follows of now are joined, a rebuild begins with none.
 */
export async function copyPulled(tx: Queryable, authorId: bigint, viewerIds: readonly bigint[], cap: number): Promise<void> {
  await tx.execute(sql`
    with pulled as materialized (
      select id, author_id, root_id, root_author_id, nullif(audience, 'public') as audience, row_number() over (order by id desc) as place from posts
      where author_id = ${authorId} and mode = 'pull' and deleted_at is null order by id desc limit ${cap + 1}
    ), viewer as materialized (
      select viewer_id, complete_since from viewers where viewer_id = any(${idArray(viewerIds)})
    ), copied as (
      insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
      select viewer_id, id, author_id, root_id, root_author_id, audience from viewer join pulled on id > complete_since and place <= ${cap} order by viewer_id, id
      on conflict do nothing
    )
    update viewers v set complete_since = beyond.id from viewer, pulled beyond
    where v.viewer_id = viewer.viewer_id and beyond.place = ${cap + 1} and beyond.id > v.complete_since`)
  await trimTimelines(tx, viewerIds.map(String), cap)
}

/** Notes that the followers up to this one have their copies: in the transaction that made them. */
export async function advanceDemotion(tx: Queryable, authorId: bigint, lastViewer: bigint): Promise<void> {
  await tx.execute(sql`update demotions set after_viewer = ${lastViewer} where author_id = ${authorId}`)
}

/**
 * Notes that every follower has the copies. Only in a transaction that made none: a timeline filled from now on was filled after the
 * last of them committed.
 */
export async function finishDemotion(tx: Queryable, authorId: bigint): Promise<void> {
  await tx.execute(sql`update demotions set copied_at = clock_timestamp() where author_id = ${authorId}`)
}
