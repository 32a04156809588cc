import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

/** What the consistency monitor holds answers of caches against. Moments are epoch milliseconds by Postgres' clock. */

const milliseconds = (moment: SQL): SQL => sql`(extract(epoch from ${moment}) * 1000)::float8`

/**
 * What caches of some keys were told of within the last minutes, or are still to be told. No index has the keys of what is done, so this reads all
 * of those minutes: who ignores an older change is as wrong without it.
 */
export async function changesOf(
  db: Queryable,
  keys: readonly string[],
): Promise<{ readonly key: string; readonly truth: number; readonly atMs: number; readonly acknowledgedAtMs: number | undefined }[]> {
  if (keys.length === 0) return []
  const list = sql.join(
    keys.map((key) => sql`${key}`),
    sql`, `,
  )
  const rows = await db.execute<{ key: string; truth: bigint; at: number; done: number | null }>(sql`
    select key, truth, ${milliseconds(sql`created_at`)} as at, ${milliseconds(sql`done_at`)} as done from invalidations
    where key in (${list}) and (done_at is null or done_at > now() - interval '15 minutes')`)
  return rows.map(({ key, truth, at, done }) => ({ key, truth: Number(truth), atMs: at, acknowledgedAtMs: done ?? undefined }))
}

/** When the visibility of posts' authors changed, and whether a sweep of their bodies is still to be done. */
export async function accountsOf(
  db: Queryable,
  postIds: readonly string[],
): Promise<{ readonly postId: string; readonly changedAtMs: number; readonly swept: boolean }[]> {
  if (postIds.length === 0) return []
  const rows = await db.execute<{ id: string; changed: number; swept: boolean }>(sql`
    select p.id::text, ${milliseconds(sql`u.visibility_changed_at`)} as changed,
      not exists (select from sweeps s where s.author_id = u.id and s.due_at < 'infinity') as swept
    from posts p join users u on u.id = p.author_id where p.id = any(${idArray(postIds)})`)
  return rows.map(({ id, changed, swept }) => ({ postId: id, changedAtMs: changed, swept }))
}

/**
 * When viewers' ties changed, and whether one is still changing: a follow that is not acknowledged yet raises versions after it commits; and a tie to a
 * deleted account goes without a word, while `us:` keeps everything of it from being shown.
 */
export async function tiesOf(
  db: Queryable,
  pairs: readonly { readonly key: string; readonly viewerId: string; readonly authorId: string }[],
): Promise<{ readonly key: string; readonly changedAtMs: number; readonly underWay: boolean }[]> {
  if (pairs.length === 0) return []
  const wanted = sql.join(
    pairs.map(({ key, viewerId, authorId }) => sql`(${key}::text, ${viewerId}::bigint, ${authorId}::bigint)`),
    sql`, `,
  )
  const rows = await db.execute<{ key: string; changed: number; under_way: boolean }>(sql`
    select key, ${milliseconds(sql`v.changed_at`)} as changed,
      exists (select from backfills b where b.viewer_id = pair.viewer_id and b.author_id = pair.author_id)
        or exists (select from users a where a.id = pair.author_id and a.deleted_at is not null) as under_way
    from (values ${wanted}) pair(key, viewer_id, author_id) join viewers v on v.viewer_id = pair.viewer_id`)
  return rows.map(({ key, changed, under_way }) => ({ key, changedAtMs: changed, underWay: under_way }))
}

/** What a list must hold, when its owner changed last, and which of what it holds has no place there. */
export interface ListFacts {
  readonly truth: number
  readonly leastTruth: number
  readonly changedAtMs: number
  readonly rows: readonly { readonly activityId: string; readonly state: 'delivered' | 'owed'; readonly atMs: number }[]
  readonly strangers: readonly string[]
}

type ListRow = { changed: number; truth: bigint; least: bigint; rows: ListFacts['rows'] | null; strangers: string[] | null }
const toFacts = (row: ListRow | undefined): ListFacts | undefined =>
  row && {
    truth: Number(row.truth),
    leastTruth: Number(row.least),
    changedAtMs: row.changed,
    rows: row.rows ?? [],
    strangers: row.strangers ?? [],
  }

/** How far a row's activity has come. Chunks are kept for two hours: what has none was delivered longer ago, or came by a backfill or rebuild. */
const journeyOf = (owed: SQL, atMs: SQL): SQL =>
  sql`json_build_object('activityId', held.id::text, 'state', case when ${owed} then 'owed' else 'delivered' end, 'atMs', ${atMs})`
const chunkAtMs = milliseconds(sql`coalesce(c.pushed_at, c.inserted_at, to_timestamp(0))`)

/** An answer's entries, as they are sent to Postgres. */
export interface HeldEntries {
  /** Nothing at or below it is compared. */
  readonly since: string
  readonly activityIds: readonly string[]
  readonly actorIds: readonly string[]
}

/**
 * A viewer's timeline above an id: what was pushed there and stands, by whom the viewer follows; hot posts of those who are not on their way into the crowd
 * or out of it. Of what an answer holds, what is by nobody whom
 * the viewer follows or left of late, nor by a deleted account (those are filtered at the edge), has no place there. What was pulled before a demotion is not compared:
 * readers pull it still. Undefined for a viewer who is gone, dormant, or not rebuilt yet.
 */
export async function timelineFacts(db: Queryable, viewerId: string, { since, activityIds, actorIds }: HeldEntries, cap: number) {
  const [row] = await db.execute<ListRow>(sql`
    select ${milliseconds(sql`greatest(changed_at, enrolled_at)`)} as changed, follow_version as truth, follow_version as least, (
      select json_agg(${journeyOf(
        sql`j.activity_id is not null or dead.activity_id is not null or (c.inserted_at is not null and c.pushed_at is null)`,
        sql`case when j.activity_id is null then ${chunkAtMs} else ((held.id >> 22) + 1288834974657)::float8 end`,
      )}) from (
        select id from (
          select t.activity_id as id from timeline_entries t join posts p on p.id = t.activity_id join users a on a.id = p.author_id
          where a.deleted_at is null and t.viewer_id = v.viewer_id and t.activity_id > greatest(v.complete_since, ${since}::bigint) and p.deleted_at is null and p.mode = 'push'
            and exists (select from follows f where f.follower_id = v.viewer_id and f.followee_id = p.author_id)
          union
          select p.id from follows f join authors a on a.author_id = f.followee_id join users u on u.id = a.author_id join posts p on p.author_id = a.author_id
          where f.follower_id = v.viewer_id and a.unpushed and a.route = 'push' and u.deleted_at is null and p.mode = 'hot' and p.deleted_at is null
            and p.id > greatest(v.complete_since, ${since}::bigint)
        ) entry order by id desc limit ${cap}
      ) held left join fanout_chunks c on c.activity_id = held.id and c.after_viewer < v.viewer_id and c.last_viewer >= v.viewer_id
      left join fanout_jobs j on j.activity_id = held.id and j.after_viewer < v.viewer_id
      left join dead_jobs dead on dead.activity_id = held.id and dead.after_viewer < v.viewer_id
    ) as rows, (
      select array_agg(e.activity_id::text) from unnest(${idArray(activityIds)}, ${idArray(actorIds)}) e(activity_id, actor_id)
      where e.actor_id <> v.viewer_id
        and not exists (select from follows f where f.follower_id = v.viewer_id and f.followee_id = e.actor_id)
        and not exists (select from departures d where d.viewer_id = v.viewer_id and d.author_id = e.actor_id)
        and not exists (select from users a where a.id = e.actor_id and a.deleted_at is not null)
    ) as strangers
    from viewers v join users u on u.id = v.viewer_id
    where v.viewer_id = ${viewerId} and u.deleted_at is null and v.enrolled_at is not null and v.complete_since < 9223372036854775807`)
  return toFacts(row)
}

/**
 * An author's list of one audience above an id: what stands of it. Of what an answer holds, what is of another audience or of nobody has no place
 * there; what was deleted may stay, its body is a tombstone.
 */
export async function authorFacts(
  db: Queryable,
  authorId: string,
  audience: 'public' | 'followers',
  { since, activityIds }: HeldEntries,
  cap: number,
) {
  const belongs = sql`p.author_id = u.id and u.suspended_at is null and u.deleted_at is null
    and (case when p.audience = 'followers' or u.private then 'followers' else 'public' end) = ${audience}`
  const [row] = await db.execute<ListRow>(sql`
    select ${milliseconds(sql`u.visibility_changed_at`)} as changed, a.post_version as truth, 0::bigint as least, (
      select json_agg(${journeyOf(
        sql`j.activity_id is not null or (c.inserted_at is not null and c.pushed_at is null)`,
        sql`case when j.activity_id is null then ${chunkAtMs} else ((held.id >> 22) + 1288834974657)::float8 end`,
      )}) from (
        select p.id from posts p where p.id > ${since}::bigint and p.deleted_at is null and ${belongs} order by p.id desc limit ${cap}
      ) held
      left join fanout_chunks c on c.activity_id = held.id and c.after_viewer = 0
      left join fanout_jobs j on j.activity_id = held.id and j.after_viewer = 0
    ) as rows, (
      select array_agg(e.activity_id::text) from unnest(${idArray(activityIds)}) e(activity_id)
      where not exists (select from posts p where p.id = e.activity_id and ${belongs})
    ) as strangers
    from users u join authors a on a.author_id = u.id where u.id = ${authorId}`)
  return toFacts(row)
}
