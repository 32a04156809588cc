import { type SQL, sql } from 'drizzle-orm'
import { milliseconds, type Queryable } from './client.ts'

/** What `GET /internal/route/{author}` asks. Moments are epoch milliseconds by Postgres' clock. */

/** Null for one that never was. */
const momentMs = (moment: SQL): SQL => milliseconds(sql`nullif(${moment}, '-infinity')`)

/** An author as the router sees one. */
export type RoutedAuthor = {
  readonly id: string
  readonly handle: string
  readonly account: 'open' | 'private' | 'suspended' | 'deleted'
  readonly followers: number
  readonly route: 'push' | 'announced' | 'pull' | 'demoted'
  readonly candidateSinceMs: number | null
  readonly announcedAtMs: number | null
  readonly demotedAtMs: number | null
  readonly hot: boolean
  readonly hotChangedAtMs: number | null
  /** How far behind others the next job takes its turn. */
  readonly turnDelayMs: number
  /** Jobs that wait, and dead ones. */
  readonly waiting: number
  readonly dead: number
  readonly nowMs: number
}

/** The author with that id or handle; a deleted one by the id alone. Undefined where there is none. */
export async function findRouted(db: Queryable, idOrHandle: string): Promise<RoutedAuthor | undefined> {
  const [row] = await db.execute<RoutedAuthor>(sql`
    select u.id::text, u.handle, case when u.deleted_at is not null then 'deleted' when u.suspended_at is not null then 'suspended'
        when u.private then 'private' else 'open' end as account,
      a.follower_count as followers, a.route, ${momentMs(sql`a.candidate_since`)} as "candidateSinceMs",
      ${momentMs(sql`a.announced_at`)} as "announcedAtMs", ${momentMs(sql`a.demoted_at`)} as "demotedAtMs",
      a.hot, ${momentMs(sql`a.hot_changed_at`)} as "hotChangedAtMs",
      coalesce(greatest(0, ${momentMs(sql`a.turn_at`)} - ${momentMs(sql`clock_timestamp()`)}), 0) as "turnDelayMs",
      (select count(*)::int from fanout_jobs where author_id = a.author_id) as waiting,
      (select count(*)::int from dead_jobs where author_id = a.author_id) as dead, ${momentMs(sql`clock_timestamp()`)} as "nowMs"
    from users u join authors a on a.author_id = u.id
    where u.id::text = ${idOrHandle} or (u.handle = ${idOrHandle} and u.deleted_at is null) order by u.id::text = ${idOrHandle} desc limit 1`)
  return row
}

/** Places in the range of followers' ids from which a sample is taken, and how many followers from each: some 50 ms. */
const SAMPLES = 20
const SAMPLE_SIZE = 500

/** How many of an author's followers get pushes, and of how many a timeline may be in L2: all are counted, or as many as a sample holds. */
export async function followersSeen(
  db: Queryable,
  authorId: string,
): Promise<{ readonly seen: number; readonly active: number; readonly present: number }> {
  const [row] = await db.execute<{ seen: number; active: number; present: number }>(sql`
    with bound as (
      select min(follower_id) as low, max(follower_id) as high from follows where followee_id = ${authorId}
    ), place as (
      select low + (high - low) / ${SAMPLES}::int * n as from_id from bound cross join generate_series(0, ${SAMPLES - 1}) n
    ), sample as (
      select distinct follower_id from place cross join lateral (
        select follower_id from follows where followee_id = ${authorId} and follower_id >= from_id order by follower_id limit ${SAMPLE_SIZE}) found
    )
    select count(*)::int as seen, count(enrolled_at)::int as active,
      (count(*) filter (where enrolled_at is not null and present_until > now()))::int as present
    from sample join viewers on viewer_id = follower_id`)
  return row ?? { seen: 0, active: 0, present: 0 }
}
