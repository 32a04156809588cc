import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/** An account whose posts' bodies are to leave L2, because who may see them has changed; of a deleted one, all the rest as well. */
export interface Sweep {
  readonly authorId: bigint
  /** Newer posts have been swept. */
  readonly belowPost: bigint
  readonly accountDeleted: boolean
  /** Until when it is held: by it a sweep that began anew meanwhile is told from this one. */
  readonly heldUntil: string
}

/** Takes the sweep that has been due longest, for five seconds: nobody else gets it before. */
export async function takeSweep(db: Queryable): Promise<Sweep | undefined> {
  const [row] = await db.execute<{ author_id: bigint; below_post: bigint; held_until: string; account_deleted: boolean }>(sql`
    update sweeps set due_at = clock_timestamp() + interval '5 seconds'
    where author_id = (select author_id from sweeps where due_at <= now() order by due_at limit 1 for update skip locked)
    returning author_id, below_post, due_at::text as held_until,
      (select deleted_at is not null from users where id = author_id) as account_deleted`)
  return row && { authorId: row.author_id, belowPost: row.below_post, heldUntil: row.held_until, accountDeleted: row.account_deleted }
}

/** Moves a sweep on, after a pause, unless it began anew or somebody else took it. */
export async function moveSweep(db: Queryable, { authorId, heldUntil }: Sweep, belowPost: bigint, pauseMs: number): Promise<void> {
  await db.execute(sql`
    update sweeps set below_post = ${belowPost}, due_at = clock_timestamp() + make_interval(secs => ${pauseMs / 1_000}) where author_id = ${authorId} and due_at = ${heldUntil}::timestamptz`)
}

/** Ends a sweep. It is kept for a while: where Redis loses what was done, it begins anew. */
export async function endSweep(db: Queryable, { authorId, heldUntil }: Sweep): Promise<void> {
  await db.execute(sql`
    update sweeps set below_post = 0, due_at = 'infinity' where author_id = ${authorId} and due_at = ${heldUntil}::timestamptz`)
}

/** Sweeps all again that have not been forgotten: Redis may have lost what they did. */
export async function restartSweeps(db: Queryable): Promise<void> {
  await db.execute(sql`update sweeps set below_post = 9223372036854775807, due_at = clock_timestamp()`)
}

/** Forgets sweeps that ended, when no recovery can ask for them any more. */
export async function pruneSweeps(db: Queryable): Promise<void> {
  await db.execute(sql`
    delete from sweeps using users
    where id = author_id and due_at = 'infinity' and visibility_changed_at < now() - interval '2 hours'`)
}

/** The newest posts of an author below an id, each with its truth version of now: those that stand, of a deleted account all. */
export async function postsToSweep(
  db: Queryable,
  { authorId, belowPost, accountDeleted }: Sweep,
  limit: number,
): Promise<{ id: bigint; truth: number }[]> {
  const rows = await db.execute<{ id: bigint; truth: bigint }>(sql`
    select p.id, p.version + visibility_version as truth from posts p join users u on u.id = author_id
    where author_id = ${authorId} and p.id < ${belowPost} and (p.deleted_at is null or ${accountDeleted}) order by p.id desc limit ${limit}`)
  return rows.map((row) => ({ id: row.id, truth: Number(row.truth) }))
}
