import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable, textArray } from './client.ts'
import { EFFECTIVE_AUDIENCE, type EntryRow, type RawEntry, toEntry } from './timelines.ts'

/** Seconds that a chunk or an invalidation is left to the process that made it, before anybody may take it as a debt. */
export const DEBT_AFTER_SECONDS = 5

export interface Job {
  readonly entry: EntryRow
  readonly mode: 'push' | 'hot' | 'pull'
  readonly afterViewer: bigint
}

/** A chunk of a fan-out whose rows have committed and which is to be pushed to L2. */
export interface Chunk {
  readonly entry: EntryRow
  /** The chunk begins behind this viewer; 0 for the first chunk of an activity. */
  readonly afterViewer: bigint
  /** The ids of its viewers, 19 digits each, as one text. */
  readonly viewers: string
}

/**
 * May a timeline of this viewer be in L2? Whoever fills one marks that first, and then takes a snapshot: a post it does not see commits after the mark, and
 * the chunk sees the mark.
 */
const isPresent = (viewerId: SQL): SQL => sql`exists (select from viewers where viewer_id = ${viewerId} and present_until > now())`

/** Small authors, taken in batches; big ones, a chunk at a time. */
export type Lane = 'small' | 'big'

/**
 * Takes due jobs for this transaction: a batch of small ones or one big one, from the preferred lane if it has any. Nobody else gets
 * them until it ends.
 */
export async function takeJobs(tx: Queryable, preferred: Lane, batch: number): Promise<Job[]> {
  const small = [0, batch] as const
  const big = [1, 1] as const
  for (const [lane, limit] of preferred === 'small' ? [small, big] : [big, small]) {
    const rows = await tx.execute<RawEntry & { mode: Job['mode']; after_viewer: bigint }>(sql`
      with taken as materialized (
        select * from fanout_jobs where lane = ${lane} and run_at <= now() order by run_at limit ${limit} for update skip locked
      )
      select activity_id, taken.author_id as actor_id, ${EFFECTIVE_AUDIENCE} as audience, taken.mode, after_viewer, p.root_id, p.root_author_id
      from taken join posts p on p.id = activity_id join users u on u.id = p.author_id`)
    if (rows.length > 0) {
      return rows.map((row) => ({ entry: toEntry(row), mode: row.mode, afterViewer: row.after_viewer }))
    }
  }
  return []
}

/**
 * Inserts the next chunk of each job into its followers' timelines and moves the job on, all in the caller's transaction. A plain
 * insert is a quarter quicker than one with ON CONFLICT; it fails with a unique violation where a rebuild or backfill was
 * quicker, and the caller repeats with `tolerant`. Answers the chunks to push, and which viewers to trim (1 in 80). A hot post's chunk is as many
 * followers, none of whom get rows, and is pushed to those who may have a timeline in L2.
 */
export async function cutChunks(
  tx: Queryable,
  jobs: readonly Job[],
  options: { readonly chunkSize: number; readonly tolerant: boolean },
): Promise<{ readonly chunks: Chunk[]; readonly trim: string[] }> {
  const pushed = jobs.filter((job) => job.mode !== 'pull')
  const rows = await tx.execute<{ activity_id: bigint; viewers: string; last_viewer: bigint; size: number; trim: string | null }>(sql`
    with job as (
      select * from unnest(${idArray(pushed.map((job) => job.entry.activityId))}, ${idArray(pushed.map((job) => job.entry.actorId))},
        ${idArray(pushed.map((job) => job.afterViewer))}, ${idArray(pushed.map(({ entry }) => entry.root?.id ?? 'NULL'))},
        ${idArray(pushed.map(({ entry }) => entry.root?.authorId ?? 'NULL'))}, ${textArray(pushed.map(({ entry }) => entry.audience))}, ${textArray(pushed.map(({ mode }) => mode))})
        j(activity_id, author_id, after_viewer, root_id, root_author_id, audience, mode)
    ), edge as materialized (
      select job.*, e.viewer_id from job cross join lateral (
        select viewer_id from push_edges where author_id = job.author_id and viewer_id > job.after_viewer
        order by viewer_id limit ${options.chunkSize}) e
    ), inserted as (
      insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
      select viewer_id, activity_id, author_id, root_id, root_author_id, nullif(audience, 'public') from edge where mode = 'push' order by viewer_id, activity_id
      ${options.tolerant ? sql`on conflict do nothing` : sql``}
    )
    select activity_id, max(viewer_id) as last_viewer, count(*)::int as size,
      coalesce(string_agg(viewer_id::text, '' order by viewer_id) filter (where mode = 'push' or ${isPresent(sql`edge.viewer_id`)}), '') as viewers,
      string_agg(viewer_id::text, '') filter (where mode = 'push' and hashint8(viewer_id # activity_id) % 80 = 0) as trim
    from edge group by activity_id`)
  const cutOf = new Map(rows.map((row) => [String(row.activity_id), row]))
  const chunks = jobs.map((job) => {
    const cut = cutOf.get(job.entry.activityId)
    return {
      entry: job.entry,
      afterViewer: job.afterViewer,
      viewers: cut?.viewers ?? '',
      lastViewer: cut?.last_viewer ?? job.afterViewer,
      done: (cut?.size ?? 0) < options.chunkSize,
    }
  })
  await tx.execute(sql`
    insert into fanout_chunks (activity_id, after_viewer, last_viewer, author_id, due_at)
    select *, now() + make_interval(secs => ${DEBT_AFTER_SECONDS}) from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
      ${idArray(chunks.map((chunk) => chunk.afterViewer))}, ${idArray(chunks.map((chunk) => chunk.lastViewer))},
      ${idArray(chunks.map((chunk) => chunk.entry.actorId))}) c`)
  const done = chunks.filter((chunk) => chunk.done)
  await tx.execute(sql`delete from fanout_jobs where activity_id = any(${idArray(done.map((chunk) => chunk.entry.activityId))})`)
  for (const chunk of chunks.filter(({ done }) => !done)) {
    // Only big jobs go on, and they are taken one at a time.
    await tx.execute(sql`update fanout_jobs set after_viewer = ${chunk.lastViewer} where activity_id = ${chunk.entry.activityId}`)
  }
  return { chunks, trim: rows.flatMap((row) => idsIn(row.trim ?? '')) }
}

/** Puts a job that failed off, longer each time, at most five minutes. */
export async function postponeJob(db: Queryable, activityId: string): Promise<void> {
  await db.execute(sql`
    update fanout_jobs set attempts = attempts + 1, run_at = now() + least(interval '5 minutes', interval '250 ms' * power(2, least(attempts, 12)))
    where activity_id = ${activityId}`)
}

/** Notes that Redis has acknowledged these chunks: from now on their entries are delivered. */
export async function markPushed(db: Queryable, chunks: readonly Chunk[]): Promise<void> {
  await db.execute(sql`
    update fanout_chunks c set pushed_at = now() from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
      ${idArray(chunks.map((chunk) => chunk.afterViewer))}) d(activity_id, after_viewer)
    where c.activity_id = d.activity_id and c.after_viewer = d.after_viewer and pushed_at is null`)
}

/** Takes back that these chunks were pushed: they are due at once. */
export async function oweChunks(db: Queryable, chunks: readonly Chunk[]): Promise<void> {
  await db.execute(sql`
    update fanout_chunks c set pushed_at = null, due_at = now() from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
      ${idArray(chunks.map((chunk) => chunk.afterViewer))}) d(activity_id, after_viewer)
    where c.activity_id = d.activity_id and c.after_viewer = d.after_viewer`)
}

/** Takes chunks that nobody pushed in time and holds them for a while. Their viewers are read from the edges of now. */
export async function takeUnpushed(db: Queryable, limit: number): Promise<Chunk[]> {
  const rows = await db.execute<RawEntry & { after_viewer: bigint; viewers: string | null }>(sql`
    with taken as (
      update fanout_chunks set due_at = now() + make_interval(secs => ${DEBT_AFTER_SECONDS})
      where (activity_id, after_viewer) in (
        select activity_id, after_viewer from fanout_chunks where pushed_at is null and due_at <= now()
        order by due_at limit ${limit} for update skip locked)
      returning *
    )
    select taken.activity_id, taken.after_viewer, taken.author_id as actor_id, ${EFFECTIVE_AUDIENCE} as audience, p.root_id, p.root_author_id, (
      select string_agg(viewer_id::text, '') from push_edges e
      where e.author_id = taken.author_id and e.viewer_id > taken.after_viewer and e.viewer_id <= taken.last_viewer
        and (p.mode = 'push' or ${isPresent(sql`e.viewer_id`)})) as viewers
    from taken join posts p on p.id = taken.activity_id join users u on u.id = p.author_id`)
  return rows.map((row) => ({ entry: toEntry(row), afterViewer: row.after_viewer, viewers: row.viewers ?? '' }))
}

/** Cuts a text of 19-digit ids. */
export function idsIn(text: string): string[] {
  const ids: string[] = []
  for (let at = 0; at < text.length; at += 19) ids.push(text.slice(at, at + 19))
  return ids
}
