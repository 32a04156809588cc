import { type SQL, sql } from 'drizzle-orm'
import { idArray, LAZILY, prepared, type Queryable } from './client.ts'
import { EFFECTIVE_AUDIENCE, type EntryRow, type RawEntry, toEntry } from './entries.ts'

/** Seconds that a chunk or an invalidation is left to the process that made it, before anybody may take it as a debt. */
export const DEBT_AFTER_SECONDS = 5

/** A chunk of a fan-out whose rows have committed and which is to be pushed to L2. */
export interface Chunk {
  readonly entry: EntryRow
  /** The chunk begins behind this viewer; 0 for the first chunk of an activity. */
  readonly afterViewer: bigint
  /** The ids of its viewers, 19 digits each, as one text. */
  readonly viewers: string
}

/** Chunks that are taken as debts together, at most. */
const MOST_DEBTS = 100
/**
 * May a timeline of this viewer be present in L2? Whoever fills one marks that first and then takes a snapshot: a post it does not see commits after the mark, and its chunk
 * finds the mark. A scalar, which is asked of these viewers alone: `exists` may become a hash of all.
 */
export const isPresent = (viewerId: SQL): SQL => sql`(select present_until > now() from viewers v where v.viewer_id = ${viewerId})`

/** Notes that Redis has acknowledged these chunks: from now on their entries are delivered. */
export async function markPushed(db: Queryable, chunks: readonly Chunk[]): Promise<void> {
  await prepared(db).execute(sql`
    with marked as (
      update fanout_chunks c set pushed_at = now() from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
        ${idArray(chunks.map((chunk) => chunk.afterViewer))}) d(activity_id, after_viewer)
      where c.activity_id = d.activity_id and c.after_viewer = d.after_viewer and pushed_at is null
    )
    select ${LAZILY}`)
}

/** These chunks are debts in so many seconds, unless they are pushed by then. */
export async function dueIn(db: Queryable, chunks: readonly Chunk[], seconds: number): Promise<void> {
  await db.execute(sql`
    with held as (
      update fanout_chunks c set due_at = now() + make_interval(secs => ${seconds}) from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
        ${idArray(chunks.map((chunk) => chunk.afterViewer))}) d(activity_id, after_viewer)
      where c.activity_id = d.activity_id and c.after_viewer = d.after_viewer and pushed_at is null
    )
    select ${LAZILY}`)
}

/** Takes back that these chunks were pushed: they are due at once. */
export async function oweChunks(db: Queryable, chunks: readonly Chunk[]): Promise<void> {
  await db.execute(sql`
    update fanout_chunks c set pushed_at = null, due_at = now() from unnest(${idArray(chunks.map((chunk) => chunk.entry.activityId))},
      ${idArray(chunks.map((chunk) => chunk.afterViewer))}) d(activity_id, after_viewer)
    where c.activity_id = d.activity_id and c.after_viewer = d.after_viewer`)
}

/**
 * Takes chunks that nobody pushed in time, the newest first, and holds them for a while: until their authors have so many followers together, of a big one as many
 * as a chunk may have. Their viewers are read from the edges of now.
 */
export async function takeUnpushed(db: Queryable, followers: number): Promise<Chunk[]> {
  const rows = await db.execute<RawEntry & { after_viewer: bigint; viewers: string | null }>(sql`
    with due as materialized (
      select activity_id, after_viewer, author_id from fanout_chunks where pushed_at is null and due_at <= now()
      order by activity_id desc limit ${MOST_DEBTS} for update skip locked
    ), turn as (
      select due.*, sum(least(follower_count, ${followers}::int)) over (
        order by activity_id desc, after_viewer rows between unbounded preceding and 1 preceding) as before
      from due left join authors using (author_id)
    ), taken as (
      update fanout_chunks c set due_at = now() + make_interval(secs => ${DEBT_AFTER_SECONDS}) from turn
      where c.activity_id = turn.activity_id and c.after_viewer = turn.after_viewer and coalesce(before, 0) < ${followers}::int
      returning c.*
    )
    select ${LAZILY}, taken.activity_id, taken.after_viewer, taken.author_id as actor_id, ${EFFECTIVE_AUDIENCE} as audience, p.root_id, p.root_author_id, (
      select string_agg(viewer_id::text, '') from push_edges e
      where e.author_id = taken.author_id and e.viewer_id > taken.after_viewer and e.viewer_id <= taken.last_viewer
        and (p.mode <> 'hot' or ${isPresent(sql`e.viewer_id`)})) as viewers
    from taken join posts p on p.id = taken.activity_id join users u on u.id = p.author_id`)
  return rows.map((row) => ({ entry: toEntry(row), afterViewer: row.after_viewer, viewers: row.viewers ?? '' }))
}

/** Cuts a text of 19-digit ids. */
export function idsIn(text: string): string[] {
  const ids: string[] = []
  for (let at = 0; at < text.length; at += 19) ids.push(text.slice(at, at + 19))
  return ids
}
