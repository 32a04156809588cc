import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

/** Who unfollowed whom: the author's rows in the viewer's timeline show to nobody from then on, and wait to be deleted. */
export interface Cleanup {
  readonly viewerId: bigint
  readonly authorId: bigint
}

/** Longer than a chunk that was cut before the unfollow needs to commit its rows (seconds). Who follows again within it loses no row at all. */
const SETTLING_SECONDS = 60

/** Leaves a cleanup behind an unfollow, in its transaction. Who is dormant has no rows, and gets new ones with the return. */
export async function oweCleanup(tx: Queryable, { viewerId, authorId }: Cleanup): Promise<void> {
  await tx.execute(sql`
    insert into cleanups (viewer_id, author_id, due_at)
    select viewer_id, ${authorId}, now() + make_interval(secs => ${SETTLING_SECONDS}) from viewers
    where viewer_id = ${viewerId} and enrolled_at is not null
    on conflict (viewer_id, author_id) do update set due_at = excluded.due_at`)
}

/**
 * Takes cleanups that are due, for five seconds: whoever dies with them leaves them to the others. Not for a transaction's time: who unfollows
 * holds the viewer's row and waits for the cleanup's, so these two may not be held the other way round.
 */
export async function takeCleanups(db: Queryable, limit: number): Promise<Cleanup[]> {
  const rows = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    update cleanups set due_at = now() + interval '5 seconds'
    where (viewer_id, author_id) in (
      select viewer_id, author_id from cleanups where due_at <= now() order by due_at limit ${limit} for update skip locked)
    returning viewer_id, author_id`)
  return rows.map((row) => ({ viewerId: row.viewer_id, authorId: row.author_id }))
}

/**
 * Deletes the rows of these authors in these viewers' timelines, where the follow is still not there. Run it in a transaction: the viewers are locked
 * first, as a follow and its backfill lock them, and what is asked then sees every follow that was before us. A chunk that was cut before the
 * unfollow and commits after us leaves a row: reads join the follows, so nobody sees it, and it ages out with the others.
 */
export async function cleanTimelines(tx: Queryable, cleanups: readonly Cleanup[]): Promise<void> {
  const viewers = idArray(cleanups.map(({ viewerId }) => viewerId))
  await tx.execute(sql`select 1 from viewers where viewer_id = any(${viewers}) order by viewer_id for update`)
  await tx.execute(sql`
    with owed as (
      delete from cleanups c using unnest(${viewers}, ${idArray(cleanups.map(({ authorId }) => authorId))}) taken(viewer_id, author_id)
      where c.viewer_id = taken.viewer_id and c.author_id = taken.author_id returning c.viewer_id, c.author_id
    )
    delete from timeline_entries t using owed where t.viewer_id = owed.viewer_id and t.author_id = owed.author_id
      and not exists (select from follows where follower_id = owed.viewer_id and followee_id = owed.author_id)`)
}
