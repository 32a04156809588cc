import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { type EntryRow, type RawEntry, toEntry } from './entries.ts'

/**
 * The newest activities of the authors in `crowd` whom a viewer follows, at most `limit`, for readers who follow so many of them that pulling list by list would
 * cost more. The few newest of each author bound how far down the rest can lie: `limit` of them are newer than that already.
 */
export async function mergedOf(db: Queryable, viewerId: bigint, limit: number): Promise<EntryRow[]> {
  const newestOf = (condition: SQL, count: SQL) => sql`
    author cross join lateral (
      select id, root_id, root_author_id, audience from posts
      where author_id = author.id and deleted_at is null and ${condition} order by id desc limit ${count}) p`
  const rows = await db.execute<RawEntry>(sql`
    with author as materialized (
      select author_id as id, private from follows join authors on author_id = followee_id join users u on u.id = author_id
      where follower_id = ${viewerId} and route <> 'push' and candidate_since is not null and suspended_at is null and u.deleted_at is null
    ), few as (
      select ceil(2.0 * ${limit}::int / greatest(1, count(*)))::int as count from author
    ), cut as materialized (
      select p.id from ${newestOf(sql`true`, sql`(select count from few)`)} order by p.id desc offset ${limit - 1} limit 1
    )
    select p.id as activity_id, author.id as actor_id, p.root_id, p.root_author_id, case when author.private then 'followers' else p.audience end as audience
    from ${newestOf(sql`id >= coalesce((select id from cut), 0)`, sql`${limit}`)} order by p.id desc limit ${limit}`)
  return rows.map(toEntry)
}
