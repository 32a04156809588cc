import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/** Whose turn it is to look, at which keys, and what was found. Moments are epoch milliseconds by Postgres' clock. */

const milliseconds = (moment: SQL): SQL => sql`(extract(epoch from ${moment}) * 1000)::float8`

/** A turn that was taken: acknowledgements after `from` up to `until` are its own. The two are timestamps of Postgres, as text. */
export interface TakenTurn {
  readonly nowMs: number
  readonly from: string
  readonly until: string
}

/**
 * Takes the next turn where it is due and nobody else has it. Its window ends `promisedMs` ago: what was acknowledged before is due by now. After a
 * pause it goes back a minute at most.
 */
export async function takeTurn(db: Queryable, everyMs: number, promisedMs: number): Promise<TakenTurn | undefined> {
  const [row] = await db.execute<{ now: number; from: string; until: string }>(sql`
    with before as (select looked_until from consistency_turn where due_at <= now() for update skip locked)
    update consistency_turn set due_at = now() + make_interval(secs => ${everyMs / 1000}),
      looked_until = now() - make_interval(secs => ${promisedMs / 1000})
    from before
    returning ${milliseconds(sql`now()`)} as now, consistency_turn.looked_until::text as until,
      greatest(before.looked_until, now() - make_interval(secs => ${promisedMs / 1000 + 60}))::text as from`)
  return row && { nowMs: row.now, from: row.from, until: row.until }
}

/** Some keys whose invalidation was acknowledged within a turn's window, at random. */
export async function invalidatedKeys(db: Queryable, { from, until }: TakenTurn, limit: number): Promise<string[]> {
  const rows = await db.execute<{ key: string }>(sql`
    select key from (
      select distinct key from invalidations
      where done_at > ${from}::timestamptz and done_at <= ${until}::timestamptz and key not like '%*') acknowledged
    order by random() limit ${limit}`)
  return rows.map(({ key }) => key)
}

/** A list that was pushed to: a viewer's timeline, or where there is no viewer the author's own list. */
export interface PushedTo {
  readonly authorId: string
  readonly viewerId: string | undefined
}

/** Some chunks whose push was acknowledged within a turn's window, at random, each with one of its viewers; of first chunks the author's list as well. */
export async function pushedLists(db: Queryable, { from, until }: TakenTurn, limit: number): Promise<PushedTo[]> {
  const rows = await db.execute<{ author: string; viewer: string | null; first: boolean }>(sql`
    select c.author_id::text as author, v.viewer_id::text as viewer, c.after_viewer = 0 as first
    from (
      select author_id, after_viewer, last_viewer from fanout_chunks
      where pushed_at > ${from}::timestamptz and pushed_at <= ${until}::timestamptz order by random() limit ${limit}
    ) c left join lateral (
      select viewer_id from push_edges e where e.author_id = c.author_id and e.viewer_id > c.after_viewer and e.viewer_id <= c.last_viewer
      order by random() limit 1
    ) v on true`)
  return rows.flatMap(({ author, viewer, first }) => [
    ...(viewer === null ? [] : [{ authorId: author, viewerId: viewer }]),
    ...(first ? [{ authorId: author, viewerId: undefined }] : []),
  ])
}

/** Some viewers who have read lately, none later than `secondsAgo`. */
export async function recentViewers(db: Queryable, secondsAgo: number, limit: number): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    select viewer_id::text as id from viewers
    where enrolled_at is not null and last_active_at <= now() - make_interval(secs => ${secondsAgo})
    order by last_active_at desc limit ${limit}`)
  return rows.map(({ id }) => id)
}

/** Some posts at or below an id, the newest first. */
export async function recentPosts(
  db: Queryable,
  below: bigint,
  limit: number,
): Promise<{ readonly id: string; readonly authorId: string }[]> {
  const rows = await db.execute<{ id: string; author: string }>(sql`
    select id::text, author_id::text as author from posts where id <= ${below} order by id desc limit ${limit}`)
  return rows.map(({ id, author }) => ({ id, authorId: author }))
}

/** Answers of one kind of key at one place in one minute. */
export interface ConsistencyRow {
  readonly minuteMs: number
  readonly place: string
  readonly kind: string
  readonly checked: number
  readonly late: number
  readonly beyond: number
  readonly wrong: number
}

/** Adds what was found to the minute that it is. */
export async function addConsistency(db: Queryable, rows: readonly Omit<ConsistencyRow, 'minuteMs'>[]): Promise<void> {
  if (rows.length === 0) return
  const values = rows.map(
    ({ place, kind, checked, late, beyond, wrong }) =>
      sql`(date_trunc('minute', now()), ${place}::text, ${kind}::text, ${checked}::bigint, ${late}::bigint, ${beyond}::bigint, ${wrong}::bigint)`,
  )
  await db.execute(sql`
    insert into consistency as c (minute, place, kind, checked, late, beyond, wrong) values ${sql.join(values, sql`, `)}
    on conflict (minute, place, kind) do update set checked = c.checked + excluded.checked, late = c.late + excluded.late,
      beyond = c.beyond + excluded.beyond, wrong = c.wrong + excluded.wrong`)
}

/** The last minutes, newest first. */
export async function readConsistency(db: Queryable, minutes: number): Promise<ConsistencyRow[]> {
  const rows = await db.execute<{
    minute: number
    place: string
    kind: string
    checked: bigint
    late: bigint
    beyond: bigint
    wrong: bigint
  }>(sql`
    select ${milliseconds(sql`minute`)} as minute, place, kind, checked, late, beyond, wrong from consistency
    where minute > now() - make_interval(mins => ${minutes}) order by minute desc, place, kind`)
  return rows.map(({ minute, place, kind, ...counts }) => {
    const [checked, late, beyond, wrong] = [counts.checked, counts.late, counts.beyond, counts.wrong].map(Number)
    return { minuteMs: minute, place, kind, checked: checked ?? 0, late: late ?? 0, beyond: beyond ?? 0, wrong: wrong ?? 0 }
  })
}

/** Forgets what was found longer ago. */
export async function pruneConsistency(db: Queryable, hours: number): Promise<void> {
  await db.execute(sql`delete from consistency where minute < now() - make_interval(hours => ${hours})`)
}
