import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { type InvalidationRow, insertInvalidations } from './invalidations.ts'
import { LOCKS } from './locks.ts'

export interface TierRules {
  /** Authors with this many followers are pulled. */
  readonly crowdThreshold: number
  /** Authors with this many may become crowded: every timeline names them as candidates. */
  readonly candidateFloor: number
  /** An author is promoted only after having been a candidate for longer than a timeline lives (milliseconds). */
  readonly timelineLifeMs: number
  /** From the announcement in `crowd` until new posts are pulled (milliseconds): longer than any copy of `crowd` is used. */
  readonly announceMs: number
}

/** The authors pulled at present and the truth version of that list. */
export async function crowd(db: Queryable): Promise<{ readonly version: number; readonly authorIds: bigint[] }> {
  const [row] = await db.execute<{ version: bigint; ids: string[] | null }>(sql`
    select version, (select array_agg(author_id::text order by author_id) from authors where route <> 'push' and candidate_since is not null) as ids from crowd_version`)
  return { version: Number(row?.version ?? 0n), authorIds: (row?.ids ?? []).map(BigInt) }
}

/**
 * One step of announce-then-route (docs/architecture.md, Announce, then route): new candidates are noted, those who have been candidates for longer than a
 * timeline lives are announced, those who were announced long enough are routed to pull. Answers the invalidation of `crowd` that
 * an announcement owes. Run it in a transaction.
 */
export async function stepTiers(tx: Queryable, rules: TierRules, crowdKey: string): Promise<InvalidationRow[]> {
  const [lock] = await tx.execute<{ taken: boolean }>(sql`select pg_try_advisory_xact_lock(${LOCKS.tiers}) as taken`)
  if (!lock?.taken) return []
  await tx.execute(sql`
    update authors set route = 'pull'
    where route = 'announced' and candidate_since is not null and announced_at <= now() - make_interval(secs => ${rules.announceMs / 1000})`)
  const announced = await tx.execute(sql`
    update authors set route = 'announced', announced_at = clock_timestamp()
    where route = 'push' and follower_count >= ${rules.crowdThreshold}
      and candidate_since <= now() - make_interval(secs => ${rules.timelineLifeMs / 1000})
      and not exists (select from invalidations where key = 'tl:*' and done_at is null)
    returning 1`)
  await tx.execute(sql`
    update authors set candidate_since = clock_timestamp() where candidate_since is null and follower_count >= ${rules.candidateFloor}`)
  if (announced.length === 0) return []
  const [row] = await tx.execute<{ version: bigint }>(sql`update crowd_version set version = version + 1 returning version`)
  return insertInvalidations(tx, [{ key: crowdKey, truth: Number(row?.version ?? 0n), replacement: null }])
}
