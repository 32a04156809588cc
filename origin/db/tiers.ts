import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { type InvalidationRow, insertInvalidations } from './invalidations.ts'
import { LOCKS } from './locks.ts'

export interface TierRules {
  /** Authors with this many followers are pulled. */
  readonly crowdThreshold: number
  /** Pulled authors with fewer than this share of the threshold are demoted: below 1, or who is near it would come and go. */
  readonly leaveShare: number
  /** No author is demoted sooner after the announcement (milliseconds). */
  readonly holdMs: number
  /** Authors with this many may become crowded: every timeline names them as candidates. They stay candidates, which costs next to nothing. */
  readonly candidateFloor: number
  /** An author is promoted only after having been a candidate for longer than a timeline lives (milliseconds). */
  readonly timelineLifeMs: number
  /** From the announcement in `crowd` until new posts are pulled (milliseconds): longer than any copy of `crowd` is used. */
  readonly announceMs: number
}

/** The authors to be pulled at present and the truth version of that list. */
export async function crowd(db: Queryable): Promise<{ readonly version: number; readonly authorIds: bigint[] }> {
  const [row] = await db.execute<{ version: bigint; ids: string[] | null }>(sql`
    select version, (select array_agg(author_id::text order by author_id) from authors where route <> 'push' and candidate_since is not null) as ids from crowd_version`)
  return { version: Number(row?.version ?? 0n), authorIds: (row?.ids ?? []).map(BigInt) }
}

/**
 * One step of all tiers (docs/architecture.md, Announce, then route). Answers the invalidation of `crowd` that whoever came or
 * went owes. One process at a time; run it in a transaction.
 */
export async function stepTiers(tx: Queryable, rules: TierRules, crowdKey: string): Promise<InvalidationRow[]> {
  const [lock] = await tx.execute<{ taken: boolean }>(sql`select pg_try_advisory_xact_lock(${LOCKS.tiers}) as taken`)
  if (!lock?.taken) return []
  const left = await demoteAuthors(tx, rules)
  const came = await promoteAuthors(tx, rules)
  if (left + came === 0) return []
  const [row] = await tx.execute<{ version: bigint }>(sql`update crowd_version set version = version + 1 returning version`)
  return insertInvalidations(tx, [{ key: crowdKey, truth: Number(row?.version ?? 0n), replacement: null }])
}

/**
 * Candidates are noted; who has been one for longer than a timeline lives is announced, and pulled once that was long enough ago.
 * Answers how many came into `crowd`.
 */
async function promoteAuthors(tx: Queryable, rules: TierRules): Promise<number> {
  await tx.execute(sql`
    update authors set route = 'pull'
    where route = 'announced' and candidate_since is not null and announced_at <= now() - ${seconds(rules.announceMs)}`)
  const announced = await tx.execute(sql`
    update authors set route = 'announced', announced_at = clock_timestamp()
    where route = 'push' and follower_count >= ${rules.crowdThreshold}
      and candidate_since <= now() - ${seconds(rules.timelineLifeMs)}
      and not exists (select from invalidations where key = 'tl:*' and done_at is null)
    returning 1`)
  await tx.execute(sql`
    update authors set candidate_since = clock_timestamp() where candidate_since is null and follower_count >= ${rules.candidateFloor}`)
  return announced.length
}

/**
 * Pulled authors with too few followers are demoted, which begins the copy of their pulled posts (`demotions.ts`); those whose copy
 * was finished longer ago than a timeline lives leave `crowd`: every timeline in L2 or a memory was filled from complete rows.
 * Answers how many left.
 */
async function demoteAuthors(tx: Queryable, { crowdThreshold, leaveShare, holdMs, timelineLifeMs }: TierRules): Promise<number> {
  const left = await tx.execute(sql`
    with copied as (
      delete from demotions where copied_at <= now() - ${seconds(timelineLifeMs)} returning author_id
    )
    update authors set route = 'push' where author_id in (select author_id from copied) and route = 'demoted' returning 1`)
  // Their copies stop half-way, which harms nobody: the author is in crowd all along, and another demotion copies from the start.
  // The copy holds its row for a chunk's time: we wait for that before we hold the author, whose posts wait for us.
  await tx.execute(sql`
    with risen as (
      delete from demotions d using authors a where a.author_id = d.author_id and follower_count >= ${crowdThreshold} returning d.author_id
    )
    update authors set route = 'announced', announced_at = clock_timestamp() where author_id in (select author_id from risen)`)
  await tx.execute(sql`
    with fallen as (
      update authors set route = 'demoted'
      where route = 'pull' and candidate_since is not null -- by its index: this is asked every second
        and follower_count < ${Math.ceil(crowdThreshold * leaveShare)} and announced_at <= now() - ${seconds(holdMs)}
      returning author_id
    )
    insert into demotions (author_id) select author_id from fallen`)
  return left.length
}

const seconds = (ms: number): SQL => sql`make_interval(secs => ${ms / 1000})`
