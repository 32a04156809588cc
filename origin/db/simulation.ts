import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { type DemoPost, insertPast } from './seed.ts'

export interface PersonRow {
  readonly id: string
  readonly followers: number
  readonly followees: number
}

/** Everybody, in an order that depends on handles alone: ids differ where a graph was imported anew. */
export async function listPeople(db: Queryable): Promise<PersonRow[]> {
  return db.execute<{ id: string; followers: number; followees: number }>(sql`
    select id::text, follower_count as followers, coalesce(followees, 0)::int as followees
    from users join authors on author_id = id
    left join (select follower_id, count(*) as followees from follows group by follower_id) f on follower_id = id
    where deleted_at is null order by handle collate "C"`)
}

/** Who of these follows whom. */
export async function followsOf(db: Queryable, followerIds: readonly string[]): Promise<{ follower: string; followee: string }[]> {
  return db.execute<{ follower: string; followee: string }>(sql`
    select follower_id::text as follower, followee_id::text as followee from follows where follower_id = any(${idArray(followerIds)})
    order by followee_id, follower_id`)
}

/** Which of these posts were pulled, not pushed. */
export async function pulledAmong(db: Queryable, postIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.execute<{ id: string }>(sql`
    select id::text from posts where id = any(${idArray(postIds)}) and mode = 'pull'`)
  return new Set(rows.map(({ id }) => id))
}

/** What writes have left to do: fan-out jobs, chunks not pushed, backfills, invalidations. */
export async function countUnsettled(db: Queryable): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`
    select ((select count(*) from fanout_jobs) + (select count(*) from fanout_chunks where pushed_at is null)
      + (select count(*) from backfills) + (select count(*) from invalidations where done_at is null))::int as count`)
  return row?.count ?? 0
}

/** Authors who have never posted and none of whose followers is enrolled in fan-out: a past may be given to them. */
export async function silentAuthors(db: Queryable): Promise<Set<string>> {
  const rows = await db.execute<{ id: string }>(sql`
    select author_id::text as id from authors a
    where last_post_id = 0 and not exists (select from push_edges e where e.author_id = a.author_id)`)
  return new Set(rows.map(({ id }) => id))
}

/** Gives silent authors a past: nobody's timeline holds it, and all who would are rebuilt when they first read. Run it in a transaction. */
export async function writePast(tx: Queryable, posts: readonly DemoPost[]): Promise<void> {
  await insertPast(tx, posts)
  await tx.execute(sql`
    update authors a set last_post_id = greatest(last_post_id, p.newest), post_version = post_version + p.count
    from (select author_id, max(id) as newest, count(*) as count from posts where id = any(${idArray(posts.map(({ id }) => id))}) group by author_id) p
    where a.author_id = p.author_id`)
}
