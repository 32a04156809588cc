import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { type EntryRow, type RawEntry, toEntry } from './entries.ts'
import type { InvalidationRow } from './invalidations.ts'
import { LOCKS } from './locks.ts'

/** What is looked at for candidates: the newest likes, and the newest activities for reposts among them. */
const NEWEST = 2_000
/** The most-followed authors, and how many of the newest posts of each: what a brand-new deployment has instead of likes. */
const AUTHORS = 40
const POSTS_EACH = 10
/** Posts kept: twice what is shown, so that one that goes makes room for the next, and one that cooled for a moment may come back. */
const KEPT = 400

/** What everybody may see: a standing public post of its own, by an account that is neither private nor suspended nor deleted. */
const PUBLIC_ROOT = sql`p.root_id is null and p.deleted_at is null and p.audience = 'public'
  and not u.private and u.suspended_at is null and u.deleted_at is null`

export interface PopularRules {
  /** Nothing is done where the last time is less than this ago (milliseconds): processes share the work. */
  readonly everyMs: number
  /** The moment snowflakes count from (epoch milliseconds). */
  readonly idEpochMs: number
}

/**
 * Computes which posts are popular: (likes + 2 · reposts) / (age in hours + 2) ^ 1.5, the decay of Hacker News (P. Graham, news.arc).
 * Candidates are what was liked or reposted last, what was popular before, and the newest posts of the most-followed authors:
 * at most 4,800 posts, looked up by their keys, however many there are. False where another process does it, or just has. Run
 * it in a transaction.
 */
export async function computePopular(tx: Queryable, { everyMs, idEpochMs }: PopularRules): Promise<boolean> {
  const [lock] = await tx.execute<{ taken: boolean }>(sql`select pg_try_advisory_xact_lock(${LOCKS.popular}) as taken`)
  if (!lock?.taken) return false
  const due = await tx.execute(sql`
    update popular_version set version = version + 1, computed_at = now()
    where computed_at <= now() - make_interval(secs => ${everyMs / 1_000}) returning 1`)
  if (due.length === 0) return false
  await tx.execute(sql`
    with candidate(id) as (
      select post_id from (select post_id from likes order by created_at desc limit ${NEWEST}) liked
      union select root_id from (select root_id from posts order by id desc limit ${NEWEST}) newest where root_id is not null
      union select post_id from popular_posts
      union select written.id from (select author_id from authors order by follower_count desc limit ${AUTHORS}) followed
        cross join lateral (select id from posts where author_id = followed.author_id order by id desc limit ${POSTS_EACH}) written
    ), scored as materialized (
      select p.id, (coalesce(c.likes, 0) + 2 * coalesce(c.reposts, 0))
        / power(greatest(0, extract(epoch from now()) * 1000 - ${idEpochMs}::bigint - (p.id >> 22)) / 3600000 + 2, 1.5) as score
      from candidate join posts p using (id) join users u on u.id = p.author_id
        cross join lateral (select sum(likes) as likes, sum(reposts) as reposts from post_counts where post_id = p.id) c
      where ${PUBLIC_ROOT}
      order by score desc, p.id desc limit ${KEPT}
    ), gone as (
      delete from popular_posts where post_id not in (select id from scored)
    )
    insert into popular_posts (post_id, score) select id, score from scored
    on conflict (post_id) do update set score = excluded.score`)
  return true
}

/** The most popular posts that everybody may see now, newest first, at most `limit`, and the truth version of that list. */
export async function popularPosts(db: Queryable, limit: number): Promise<{ readonly version: number; readonly entries: EntryRow[] }> {
  const [row] = await db.execute<{ version: bigint }>(sql`select version from popular_version`)
  const rows = await db.execute<RawEntry>(sql`
    select * from (
      select p.id as activity_id, p.author_id as actor_id, 'public' as audience, p.root_id, p.root_author_id
      from popular_posts join posts p on p.id = post_id join users u on u.id = p.author_id
      where ${PUBLIC_ROOT} order by score desc, p.id desc limit ${limit}
    ) best order by activity_id desc`)
  return { version: Number(row?.version ?? 0n), entries: rows.map(toEntry) }
}

/** Takes a post that is no longer public off the list, and answers what L2 must forget where it was on it. Run it with what hides it. */
export const withdrawPost = (tx: Queryable, postId: bigint, key: string): Promise<Omit<InvalidationRow, 'id'>[]> =>
  withdraw(tx, sql`post_id = ${postId}`, key)

/** The same for everything by an account that is no longer open to all. */
export const withdrawAuthor = (tx: Queryable, authorId: bigint, key: string): Promise<Omit<InvalidationRow, 'id'>[]> =>
  withdraw(tx, sql`post_id in (select id from popular_posts join posts on id = post_id where author_id = ${authorId})`, key)

/** The version's row first, as `computePopular` takes it: or the two could wait for each other. */
async function withdraw(tx: Queryable, which: SQL, key: string): Promise<Omit<InvalidationRow, 'id'>[]> {
  const [raised] = await tx.execute<{ version: bigint }>(sql`
    update popular_version set version = version + 1 where exists (select from popular_posts where ${which}) returning version`)
  if (!raised) return []
  await tx.execute(sql`delete from popular_posts where ${which}`)
  return [{ key, truth: Number(raised.version), replacement: null }]
}
