import { type SQL, sql } from 'drizzle-orm'
import { milliseconds, type Queryable } from './client.ts'
import { LOCKS } from './locks.ts'

/** What the crowd threshold follows, and how far it has. Moments are epoch milliseconds by Postgres' clock. */

const moment = (ms: number | null): SQL => (ms === null ? sql`null` : sql`to_timestamp(${ms / 1000}::float8)`)

/** Of jobs: has it never been put off? One that failed waits for something else than its turn, and is as old when it succeeds. */
export const NEVER_FAILED = sql`run_at <= queued_at`

/** How far lag has lowered the crowd threshold. */
export interface CrowdShare {
  /** Of the threshold that is set, above 0 and at most 1. */
  readonly share: number
  /** When it was changed, or high lag was seen first, or to shrink. */
  readonly judgedAtMs: number
  /** High lag as it was then (milliseconds); 0 while lag is not high. */
  readonly judgedLagMs: number
  /** Since when lag has been low; null while it is not, or while there is nothing to return from. */
  readonly calmSinceMs: number | null
}

/** The share, for the one process that steps the tiers at this moment; undefined for all others. Run it in a transaction: until its end the turn is held. */
export async function takeCrowdShare(tx: Queryable): Promise<(CrowdShare & { readonly nowMs: number }) | undefined> {
  const [lock] = await tx.execute<{ taken: boolean }>(sql`select pg_try_advisory_xact_lock(${LOCKS.tiers}) as taken`)
  if (!lock?.taken) return undefined
  const [row] = await tx.execute<{ share: number; judged: number; lag: number; calm: number | null; now: number }>(sql`
    select share, ${milliseconds(sql`judged_at`)} as judged, judged_lag_ms as lag, ${milliseconds(sql`calm_since`)} as calm, ${milliseconds(sql`now()`)} as now
    from crowd_threshold`)
  return row && { share: row.share, judgedAtMs: row.judged, judgedLagMs: row.lag, calmSinceMs: row.calm, nowMs: row.now }
}

export async function noteCrowdShare(tx: Queryable, { share, judgedAtMs, judgedLagMs, calmSinceMs }: CrowdShare): Promise<void> {
  await tx.execute(
    sql`update crowd_threshold set share = ${share}, judged_at = ${moment(judgedAtMs)}, judged_lag_ms = ${judgedLagMs}, calm_since = ${moment(calmSinceMs)}`,
  )
}

/**
 * How long the oldest job of the big lane has waited (milliseconds), 0 where there is none. Those that ever
 * failed do not count. Some 25 ms with 100,000 such jobs, whatever there is in the other lane.
 */
export async function bigLaneLagMs(db: Queryable): Promise<number> {
  const [row] = await db.execute<{ lag: number }>(sql`
    select coalesce(${milliseconds(sql`now() - min(queued_at)`)}, 0) as lag from fanout_jobs where lane = 1 and ${NEVER_FAILED}`)
  return Math.max(0, row?.lag ?? 0)
}

/**
 * The lowest threshold that brings no more authors into the crowd than there may be in it; 0 where all candidates may. By the indexes of who is in it, and of followers
 * downwards: as many rows as there may be in the crowd, asked every second.
 */
export async function thresholdOfMostAuthors(db: Queryable, maxAuthors: number): Promise<number> {
  const [row] = await db.execute<{ threshold: number | null }>(sql`
    select (select follower_count + 1 from authors where route = 'push' and candidate_since is not null order by follower_count desc
      offset greatest(0, ${maxAuthors} - (select count(*) from authors where route <> 'push')) limit 1) as threshold`)
  return row?.threshold ?? 0
}
