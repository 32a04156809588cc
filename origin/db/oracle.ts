import { sql } from 'drizzle-orm'
import type { Database } from './client.ts'

/** One line as the oracle sees it: which activity shows which post. */
export type OracleLine = readonly [activityId: string, postId: string]

/**
 * The whole feed of a viewer by brute force: everything by the followees and the viewer that stands, newest first, each root once, by its
 * newest activity. It knows nothing of caches, modes or timelines.
 */
export async function oracleFeed(db: Database, viewerId: string): Promise<OracleLine[]> {
  const rows = await db.execute<{ id: string; root: string }>(sql`
    with source as (select followee_id as id from follows where follower_id = ${viewerId} union select ${viewerId}::bigint),
    line as (
      select p.id, coalesce(p.root_id, p.id) as root,
        row_number() over (partition by coalesce(p.root_id, p.id) order by p.id desc) as place
      from posts p left join posts r on r.id = p.root_id
      where p.author_id in (select id from source) and p.deleted_at is null and r.deleted_at is null
    )
    select id::text, root::text from line where place = 1 order by line.id desc`)
  return rows.map((row) => [row.id, row.root])
}
