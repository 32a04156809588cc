import { type SQL, sql } from 'drizzle-orm'
import { messageOf, type Queryable } from './client.ts'

/** Longest wait before a job is tried again (seconds). */
const LONGEST_WAIT_SECONDS = 300
/** Of an error this much is kept (characters). */
const ERROR_LENGTH = 1_000

/** What may not be a job's fault is tried again after so long (seconds): it took a worker ten. */
const UNCLEAR_WAIT_SECONDS = 30

/** Puts a job that failed off: a quarter of a second at first, twice as long each time. What may not be its fault is no attempt. */
export async function postponeJob(tx: Queryable, activityId: bigint, blame: 'work' | 'unclear'): Promise<void> {
  const longer = sql`least(${LONGEST_WAIT_SECONDS}, 0.25 * power(2, least(attempts, 20)))`
  await tx.execute(sql`
    update fanout_jobs set attempts = attempts + ${blame === 'work' ? 1 : 0}, run_at = now() + wait, turn_at = now() + wait
    from (select make_interval(secs => ${blame === 'work' ? longer : sql`${UNCLEAR_WAIT_SECONDS}`}) as wait
      from fanout_jobs where activity_id = ${activityId}) w
    where activity_id = ${activityId}`)
}

/** Takes a job out of the queue for good: it stays with its error until somebody replays or drops it. */
export async function buryJob(tx: Queryable, activityId: bigint, error: unknown): Promise<void> {
  const text = messageOf(error).slice(0, ERROR_LENGTH).replaceAll('\0', '')
  await tx.execute(sql`
    with gone as (delete from fanout_jobs where activity_id = ${activityId} returning *)
    insert into dead_jobs (activity_id, author_id, mode, lane, after_viewer, attempts, queued_at, error)
    select activity_id, author_id, mode, lane, after_viewer, attempts + 1, queued_at, ${text} from gone`)
}

export interface DeadJob {
  readonly activityId: string
  readonly authorId: string
  /** Followers up to this one have it; 0 where nobody has. */
  readonly afterViewer: string
  readonly attempts: number
  readonly queuedAt: string
  readonly diedAt: string
  readonly error: string
}

/** The jobs that died last, newest first, at most `limit`, and how many there are. */
export async function listDeadJobs(db: Queryable, limit: number): Promise<{ readonly count: number; readonly jobs: DeadJob[] }> {
  const [total] = await db.execute<{ count: number }>(sql`select count(*)::int as count from dead_jobs`)
  const jobs = await db.execute<DeadJob & Record<string, unknown>>(sql`
    select activity_id::text as "activityId", author_id::text as "authorId", after_viewer::text as "afterViewer", attempts, error,
      ${isoTime(sql`queued_at`)} as "queuedAt", ${isoTime(sql`died_at`)} as "diedAt"
    from dead_jobs order by died_at desc limit ${limit}`)
  return { count: total?.count ?? 0, jobs }
}

/**
 * Queues dead jobs again, from where they stopped and with all their attempts: one, or all of them. Answers how many. Those of one author have a turn a second: new posts
 * come in between.
 */
export async function replayDeadJobs(db: Queryable, which: bigint | 'all'): Promise<number> {
  const rows = await db.execute(sql`
    with gone as (delete from dead_jobs where ${chosen(which)} returning *)
    insert into fanout_jobs (activity_id, author_id, mode, lane, after_viewer, turn_at)
    select activity_id, author_id, mode, lane, after_viewer,
      now() + make_interval(secs => row_number() over (partition by author_id order by activity_id) - 1) from gone returning 1`)
  return rows.length
}

/** Forgets dead jobs: who lacks their posts will find them in a rebuild, or never. Answers how many. */
export async function dropDeadJobs(db: Queryable, which: bigint | 'all'): Promise<number> {
  return (await db.execute(sql`delete from dead_jobs where ${chosen(which)} returning 1`)).length
}

const chosen = (which: bigint | 'all'): SQL => (which === 'all' ? sql`true` : sql`activity_id = ${which}`)
const isoTime = (moment: SQL): SQL => sql`to_char(${moment} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
