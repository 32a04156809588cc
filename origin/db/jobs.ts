import { type SQL, sql } from 'drizzle-orm'
import { type Chunk, DEBT_AFTER_SECONDS, isPresent } from './chunks.ts'
import { blameFor, type Database, LAZILY, prepared, type Queryable } from './client.ts'
import { buryJob, postponeJob } from './dead-jobs.ts'
import { EFFECTIVE_AUDIENCE, type RawEntry, toEntry } from './entries.ts'

/** Small authors, taken in batches; big ones, a chunk at a time. */
export type Lane = 'small' | 'big'

/** What one transaction has cut. */
export interface Cut {
  readonly chunks: readonly Chunk[]
  /** Behind which viewer those jobs go on that are not done: the activity's id to the viewer's. */
  readonly unfinished: ReadonlyMap<string, bigint>
  /** Of the viewers who got rows one in `TRIM_SHARE`: whose timelines are to be trimmed. */
  readonly trim: readonly string[]
  /** No other job was due: who looks again at once finds none. */
  readonly drained: boolean
}

/** A job that could not be done: it is put off, or dead. */
export interface FailedJob {
  readonly activityId: string
  readonly attempts: number
  readonly died: boolean
  readonly error: unknown
}

export interface QueueRules {
  /** Followers per chunk of a big job. */
  readonly chunkSize: number
  /** Small jobs per statement. */
  readonly batch: number
  /** Attempts after which a job is dead. */
  readonly attempts: number
}

/** A batch of small jobs takes no more followers than so many chunks of a big one: it is what a big job, and whoever comes next, waits for. */
const CHUNKS_PER_BATCH = 4
/** Of the viewers of a chunk one in so many is trimmed: timelines hold as many rows more on average, and each looks for its 801st so much more rarely. */
export const TRIM_SHARE = 160
/** What a job costs its author's next one in turns (seconds): each follower about what a row takes, and each post as much as 500. */
const SECONDS_PER_FOLLOWER = 0.000_02
const SECONDS_PER_POST = 0.01

/** By how much a job of so many followers puts off the next turn of its author. */
export const costOf = (followers: SQL): SQL =>
  sql`make_interval(secs => ${SECONDS_PER_POST}::float8 + ${followers} * ${SECONDS_PER_FOLLOWER}::float8)`

const LANES = { small: 0, big: 1 } as const

/** Per lane, how far its turns have come (epoch seconds): the turn of the job that is next; absent where none waits. */
export type Turns = { readonly [lane in Lane]?: number }

/** How far turns have come. Asked now and then, not with every post: behind a long transaction the dead rows of the queue make it slow. */
export async function turnsOf(db: Queryable): Promise<Turns> {
  const first = (lane: Lane) =>
    sql`(select extract(epoch from turn_at)::float8 from fanout_jobs where lane = ${LANES[lane]} order by turn_at limit 1)`
  const [row] = await db.execute<{ small: number | null; big: number | null }>(
    sql`select ${first('small')} as small, ${first('big')} as big`,
  )
  return { ...(row?.small == null ? {} : { small: row.small }), ...(row?.big == null ? {} : { big: row.big }) }
}

/**
 * When the next job of an author, a row of `authors`, has its turn: after their last one, and else not before the job that is next in the lane (start-time fair queueing,
 * Goyal, Vin and Cheng 1996). So in a backlog the first job of an author comes before the second of another, however old that is. Their last one counts while one of
 * theirs waits: turns cost more than the work takes, and who used an idle lane has taken nothing from anybody.
 */
export function turnOf({ small, big }: Turns, lane: SQL): SQL {
  const reached = sql`case ${lane} when ${LANES.big} then to_timestamp(${big ?? null}::float8) else to_timestamp(${small ?? null}::float8) end`
  const waits = sql`exists (select from fanout_jobs j where j.author_id = authors.author_id)`
  return sql`greatest(least(now(), ${reached}), case when ${waits} then turn_at else '-infinity' end)`
}

/**
 * The queue in Postgres. A job is a row of its post's transaction; its chunks, their rows and its progress are one statement and so one transaction, which
 * holds nothing longer than it runs. Within a lane jobs come in the order of `turn_at`: who posts more than others comes later.
 */
export function createJobQueue(db: Database, rules: QueueRules) {
  return {
    /** Cuts a chunk of the next jobs: a batch of small ones or one big one, from the preferred lane if it has any. `owed`: the chunks are debts at once. */
    async cutBatch(preferred: Lane, { owed, tolerant }: { readonly owed: boolean; readonly tolerant: boolean }): Promise<Cut> {
      return cutJobs(prepared(db), { ...rules, jobs: dueJobs(preferred, rules.batch), owed, tolerant })
    },
    /**
     * The same with the next job alone. One that cannot be done is put off, longer each time, and in the end dead. One that may not be to blame is put off, and that
     * is no attempt. Throws where the server is to blame.
     */
    async cutOne(preferred: Lane, { owed }: { readonly owed: boolean }): Promise<Cut & { readonly failed?: FailedJob }> {
      return db.transaction(async (tx) => {
        const [job] = await tx.execute<{ activity_id: bigint; attempts: number }>(dueJobs(preferred, 1))
        if (!job) return NOTHING
        const jobs = sql`select * from fanout_jobs where activity_id = ${job.activity_id}`
        try {
          return await tx.transaction((savepoint) => cutJobs(savepoint, { ...rules, jobs, owed, tolerant: true }))
        } catch (error) {
          const blame = blameFor(error)
          if (blame === 'server') throw error
          const attempts = job.attempts + (blame === 'work' ? 1 : 0)
          const died = blame === 'work' && attempts >= rules.attempts
          await (died ? buryJob(tx, job.activity_id, error) : postponeJob(tx, job.activity_id, blame))
          return { ...NOTHING, failed: { activityId: String(job.activity_id), attempts, died, error } }
        }
      })
    },
  }
}

/** The jobs whose turn it is, of the preferred lane if it has any due, held until the transaction ends; what others hold is passed over. */
function dueJobs(preferred: Lane, batch: number): SQL {
  const from = (lane: Lane, condition: SQL) => sql`
    select * from fanout_jobs where lane = ${LANES[lane]} and run_at <= now() ${condition}
    order by turn_at, activity_id limit ${lane === 'small' ? batch : 1} for update skip locked`
  return sql`
    with preferred as materialized (${from(preferred, sql``)}), other as materialized (
      ${from(preferred === 'small' ? 'big' : 'small', sql`and not exists (select from preferred)`)}
    )
    select * from preferred union all select * from other`
}

type RawCut = RawEntry & { mode: string; after_viewer: bigint; next_viewer: bigint | null; viewers: string | null; others: boolean }

const NOTHING: Cut = { chunks: [], unfinished: new Map(), trim: [], drained: true }

/**
 * One statement, and so one round trip and one transaction: the rows of a chunk of each job, the chunks' states, and the jobs moved on or done. A
 * hot job has no rows, and pushes to those alone whose timeline may be present. A plain insert is a quarter quicker than one with ON CONFLICT; it
 * fails with a unique violation where a rebuild or backfill was quicker, and is repeated with `tolerant`. `jobs` selects rows like those of
 * fanout_jobs; another queue's are not there, and it notes their progress itself.
 */
export async function cutJobs(
  tx: Queryable,
  { jobs, chunkSize, owed, tolerant }: { jobs: SQL; chunkSize: number; owed: boolean; tolerant: boolean },
): Promise<Cut> {
  const othersOf = (lane: Lane) => sql`exists (select from (
    select from fanout_jobs where lane = ${LANES[lane]} and run_at <= now() and activity_id <> all(array(select activity_id from taken))
    order by turn_at, activity_id limit 1) other)`
  const rows = await tx.execute<RawCut>(sql`
    with due as materialized (${jobs}), turn as (
      select due.*, sum(follower_count) over (order by due.turn_at, activity_id rows between unbounded preceding and 1 preceding) as before
      from due left join authors using (author_id)
    ), taken as materialized (
      select * from turn where coalesce(before, 0) < ${CHUNKS_PER_BATCH * chunkSize}
    ), job as materialized (
      select taken.*, ${EFFECTIVE_AUDIENCE} as audience, p.root_id, p.root_author_id
      from taken join posts p on p.id = activity_id join users u on u.id = p.author_id
    ), edge as materialized (
      select e.viewer_id, activity_id, author_id, root_id, root_author_id, audience, mode,
        mode = 'push' or ${isPresent(sql`e.viewer_id`)} as pushed from job cross join lateral (
        select viewer_id from push_edges where author_id = job.author_id and viewer_id > job.after_viewer
        order by viewer_id limit ${chunkSize}) e
      where mode <> 'pull'
    ), inserted as (
      insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
      select viewer_id, activity_id, author_id, root_id, root_author_id, nullif(audience, 'public') from edge
      where mode = 'push' order by viewer_id, activity_id
      ${tolerant ? sql`on conflict do nothing` : sql``}
    ), cut as materialized (
      select activity_id, string_agg(viewer_id::text, '') filter (where pushed) as viewers, max(viewer_id) as last_viewer, count(*)::int as size
      from edge group by activity_id
    ), chunk as (
      insert into fanout_chunks (activity_id, after_viewer, last_viewer, author_id, lane, queued_at, due_at)
      select activity_id, after_viewer, coalesce(last_viewer, after_viewer), author_id, lane, queued_at,
        now() + make_interval(secs => ${owed ? 0 : DEBT_AFTER_SECONDS})
      from job left join cut using (activity_id)
      ${tolerant ? sql`on conflict do nothing` : sql``}
    ), done as (
      -- Arrays, not joins: of a table that is empty one minute and full the next no estimate holds.
      delete from fanout_jobs where activity_id = any(array(
        select activity_id from taken left join cut using (activity_id) where coalesce(size, 0) < ${chunkSize}))
    ), moved as (
      update fanout_jobs j set after_viewer = (select last_viewer from cut where activity_id = j.activity_id),
        turn_at = turn_at + ${costOf(sql`${chunkSize}::int`)}, attempts = 0
      where activity_id = any(array(select activity_id from cut where size >= ${chunkSize}))
    )
    select activity_id, author_id as actor_id, audience, root_id, root_author_id, mode, after_viewer, viewers,
      case when size >= ${chunkSize} then last_viewer end as next_viewer,
      ${othersOf('small')} or ${othersOf('big')} as others, ${LAZILY}
    from job left join cut using (activity_id)`)
  return {
    chunks: rows.map((row) => ({ entry: toEntry(row), afterViewer: row.after_viewer, viewers: row.viewers ?? '' })),
    unfinished: new Map(rows.flatMap((row) => (row.next_viewer === null ? [] : [[String(row.activity_id), row.next_viewer]]))),
    trim: rows.flatMap((row) => (row.mode === 'push' && row.viewers ? toTrim(row.activity_id, row.viewers) : [])),
    drained: rows.every((row) => row.next_viewer === null && !row.others),
  }
}

/** One in `TRIM_SHARE` of a chunk's viewers. The millisecond of the activity picks them: as good as chance, and the same where a chunk is cut again. */
function toTrim(activityId: bigint, viewers: string): string[] {
  const picked: string[] = []
  const first = Number((activityId >> 22n) % BigInt(TRIM_SHARE))
  for (let at = first * 19; at < viewers.length; at += TRIM_SHARE * 19) picked.push(viewers.slice(at, at + 19))
  return picked
}
