import { sql } from 'drizzle-orm'
import { type Database, idArray, type Queryable } from './client.ts'

/** A follow graph with posts. Ids are unique; a root is among the posts. */
export interface DemoGraph {
  readonly users: readonly { readonly id: bigint; readonly handle: string; readonly name: string }[]
  readonly follows: readonly { readonly followerId: bigint; readonly followeeId: bigint }[]
  readonly posts: readonly DemoPost[]
}
export interface DemoPost {
  readonly id: bigint
  readonly authorId: bigint
  /** Null for a repost. */
  readonly text: string | null
  readonly root: { readonly id: bigint; readonly authorId: bigint } | null
}

/** The lock of `stepTiers`, which must not judge authors while we do. */
const TIERS_LOCK = 7_235_003

/**
 * Writes the graph where there are no users yet; answers whether it did. There are no fan-out jobs: nobody is enrolled, and a
 * viewer's first read rebuilds their timeline from the posts, all of which count as pushed.
 */
export async function seedIfEmpty(db: Database, makeGraph: () => DemoGraph): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`lock table users in share row exclusive mode`)
    if ((await tx.execute(sql`select 1 from users limit 1`)).length > 0) return false
    const { users, follows, posts } = makeGraph()
    await tx.execute(sql`
      insert into users (id, handle, name)
      select id, handle, name from jsonb_to_recordset(${jsonOf(users)}::jsonb) as t (id bigint, handle text, name text)`)
    await tx.execute(sql`insert into viewers (viewer_id) select id from users`)
    await tx.execute(sql`
      insert into follows (follower_id, followee_id)
      select "followerId", "followeeId" from jsonb_to_recordset(${jsonOf(follows)}::jsonb) as t ("followerId" bigint, "followeeId" bigint)`)
    await insertPast(tx, posts)
    await tx.execute(sql`
      insert into authors (author_id, post_version, last_post_id, follower_count)
      select id, coalesce(written.posts, 0), coalesce(written.newest, 0), coalesce(followed.followers, 0)
      from users
      left join (select author_id, count(*) as posts, max(id) as newest from posts group by author_id) written on written.author_id = id
      left join (select followee_id, count(*) as followers from follows group by followee_id) followed on followed.followee_id = id`)
    return true
  })
}

/** Writes posts that count as pushed, without a fan-out. */
export async function insertPast(tx: Queryable, posts: readonly DemoPost[]): Promise<void> {
  await tx.execute(sql`
    insert into posts (id, author_id, text, root_id, root_author_id, mode)
    select id, "authorId", text, (root ->> 'id')::bigint, (root ->> 'authorId')::bigint, 'push'
    from jsonb_to_recordset(${jsonOf(posts)}::jsonb) as t (id bigint, "authorId" bigint, text text, root jsonb)`)
  await tx.execute(sql`
    insert into post_counts (post_id, slot, reposts)
    select root_id, 0, count(*) from posts where id = any(${idArray(posts.map(({ id }) => id))}) and root_id is not null group by root_id
    on conflict (post_id, slot) do update set reposts = post_counts.reposts + excluded.reposts, version = post_counts.version + 1`)
}

/** Ids as strings: JSON's numbers end at 2^53. */
const jsonOf = (rows: readonly unknown[]): string => JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? String(value) : value))

/**
 * Lets the authors with `floor` or more followers be candidates at once, not only after a timeline has lived: for that, one row for
 * all keys empties L2's timelines (docs/architecture.md, Announce, then route). A process with a lower floor, or a database filled from outside, needs it. Run it in a
 * transaction.
 */
export async function admitCandidates(tx: Queryable, floor: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${TIERS_LOCK})`)
  const admitted = await tx.execute(sql`
    update authors set candidate_since = '-infinity'
    where follower_count >= ${floor} and route = 'push' and candidate_since is distinct from '-infinity' returning 1`)
  if (admitted.length > 0) await tx.execute(sql`insert into invalidations (key, truth) values ('tl:*', 0)`)
}

/** Tells the planner what is there: after a bulk load it would otherwise guess until autovacuum comes. */
export async function analyze(db: Queryable): Promise<void> {
  await db.execute(sql`analyze users, authors, viewers, follows, posts`)
}

/** How much is there. */
export async function countRows(db: Queryable): Promise<{ readonly users: number; readonly posts: number }> {
  const [row] = await db.execute<{ users: number; posts: number }>(sql`
    select (select count(*) from users)::int as users, (select count(*) from posts where deleted_at is null)::int as posts`)
  return { users: row?.users ?? 0, posts: row?.posts ?? 0 }
}

/** A user to read as: the one with that handle, else one who follows about fifty, else anybody. */
export async function someReader(db: Queryable, handle: string): Promise<{ readonly id: string; readonly handle: string } | undefined> {
  const [row] = await db.execute<{ id: bigint; handle: string }>(sql`
    select id, handle from users left join (
      select follower_id, count(*) as followees from follows group by follower_id
    ) reading on follower_id = id
    where deleted_at is null order by handle = ${handle} desc, abs(followees - 50) nulls last, id limit 1`)
  return row && { id: String(row.id), handle: row.handle }
}

/** What tells this database from another one on the same server: one that is dropped and made anew is another. */
export async function identityOf(db: Queryable): Promise<string> {
  const [row] = await db.execute<{ identity: string }>(sql`
    select oid || ' ' || datname as identity from pg_database where datname = current_database()`)
  return row?.identity ?? ''
}
