import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { type InvalidationRow, insertInvalidations } from './invalidations.ts'
import { LOCKS } from './locks.ts'

export interface TierRules {
  /** Authors with this many followers are hot: their posts are no rows, unless they are pulled anyway. */
  readonly hotThreshold: number
  /** Hot authors with fewer than this share of the threshold have rows again. */
  readonly hotLeaveShare: number
  /** Between two such changes of an author (milliseconds). */
  readonly hotHoldMs: number
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
  await heatAuthors(tx, rules)
  const left = await demoteAuthors(tx, rules)
  const came = await promoteAuthors(tx, rules)
  if (left + came === 0) return []
  const [row] = await tx.execute<{ version: bigint }>(sql`update crowd_version set version = version + 1 returning version`)
  return insertInvalidations(tx, [{ key: crowdKey, truth: Number(row?.version ?? 0n), replacement: null }])
}

/** Authors changed in one step: posts of theirs wait until it commits. */
const HEATED_AT_ONCE = 1_000

/**
 * Authors become hot, or cease to be. Nobody is told: fills look for hot posts whoever is hot now, and a pushed post has its rows. Who is
 * locked at this moment is changed by a later step.
 */
async function heatAuthors(tx: Queryable, { hotThreshold, hotLeaveShare, hotHoldMs }: TierRules): Promise<void> {
  const change = (hot: boolean, due: SQL) =>
    tx.execute(sql`
      update authors set hot = ${hot}, hot_changed_at = clock_timestamp() where author_id in (
        select author_id from authors where hot = ${!hot} and ${due} and hot_changed_at <= now() - ${seconds(hotHoldMs)}
        limit ${HEATED_AT_ONCE} for update skip locked)`)
  await change(true, sql`follower_count >= ${hotThreshold}`)
  await change(false, sql`follower_count < ${Math.ceil(hotThreshold * hotLeaveShare)}`)
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
 * Pulled authors with too few followers are demoted: their next posts are not pulled, and fills look for those that were. They stay in
 * `crowd` until every timeline that was filled before has ended; with enough followers again they are announced anew. Answers how many left.
 */
async function demoteAuthors(tx: Queryable, { crowdThreshold, leaveShare, holdMs, timelineLifeMs }: TierRules): Promise<number> {
  await tx.execute(sql`
    update authors set route = 'announced', announced_at = clock_timestamp(), demoted_at = null
    where route = 'demoted' and candidate_since is not null and follower_count >= ${crowdThreshold}`)
  const left = await tx.execute(sql`
    update authors set route = 'push', demoted_at = null
    where route = 'demoted' and candidate_since is not null and demoted_at <= now() - ${seconds(timelineLifeMs)} returning 1`)
  await tx.execute(sql`
    update authors set route = 'demoted', demoted_at = clock_timestamp()
    where route = 'pull' and candidate_since is not null -- by its index: this is asked every second
      and follower_count < ${Math.ceil(crowdThreshold * leaveShare)} and announced_at <= now() - ${seconds(holdMs)}`)
  return left.length
}

const seconds = (ms: number): SQL => sql`make_interval(secs => ${ms / 1000})`
