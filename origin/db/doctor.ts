import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { EFFECTIVE_AUDIENCE } from './entries.ts'

/** What `npm run doctor` asks to explain a difference. Moments are epoch milliseconds by Postgres' clock. */

const milliseconds = (moment: SQL): SQL => sql`(extract(epoch from ${moment}) * 1000)::float8`

/** A reader, as the tables have them. */
export type ReaderRow = {
  readonly id: string
  readonly handle: string
  /** Why they cannot read. */
  readonly barred: 'deleted' | 'suspended' | null
  /** Null for a dormant reader. */
  readonly enrolledAtMs: number | null
  readonly lastActiveAtMs: number | null
  /** Until when a timeline of theirs may be in L2; null where there never was one. */
  readonly presentUntilMs: number | null
  /** Enrolled, and not rebuilt yet. */
  readonly rebuilding: boolean
  readonly viewVersion: number
  readonly followVersion: number
  readonly follows: number
  readonly nowMs: number
}

/** The user with that id or handle, as a reader; undefined where there is none. */
export async function findReader(db: Queryable, idOrHandle: string): Promise<ReaderRow | undefined> {
  const [row] = await db.execute<ReaderRow>(sql`
    select u.id::text, u.handle, case when u.deleted_at is not null then 'deleted' when u.suspended_at is not null then 'suspended' end as barred,
      ${milliseconds(sql`v.enrolled_at`)} as "enrolledAtMs", ${milliseconds(sql`v.last_active_at`)} as "lastActiveAtMs",
      ${milliseconds(sql`nullif(v.present_until, '-infinity')`)} as "presentUntilMs",
      v.enrolled_at is not null and v.complete_since = 9223372036854775807 as rebuilding,
      v.view_version::int as "viewVersion", v.follow_version::int as "followVersion",
      (select count(*)::int from follows where follower_id = u.id) as follows, ${milliseconds(sql`clock_timestamp()`)} as "nowMs"
    from users u join viewers v on v.viewer_id = u.id
    where u.id::text = ${idOrHandle} or u.handle = ${idOrHandle} order by u.id::text = ${idOrHandle} desc limit 1`)
  return row
}

/** Where an activity is on its way to a viewer. */
export type Whereabouts = {
  readonly activityId: string
  readonly actorId: string
  /** Who wrote its post. */
  readonly authorId: string
  readonly mintedAtMs: number
  readonly mode: string
  /** As it is now. */
  readonly audience: 'public' | 'followers'
  readonly isRepost: boolean
  readonly actor: string
  readonly route: string
  readonly candidateSinceMs: number | null
  readonly followedSinceMs: number | null
  readonly inTimeline: boolean
  /** Rows at or below it were trimmed. */
  readonly belowTimeline: boolean
  readonly hasEdge: boolean
  readonly queuedSinceMs: number | null
  readonly attempts: number | null
  readonly putOffUntilMs: number | null
  readonly insertedAtMs: number | null
  readonly pushedAtMs: number | null
  readonly copyingDueMs: number | null
  /** Its job failed too often, and why it did so last. */
  readonly diedAtMs: number | null
  readonly jobError: string | null
}

/** Where these activities are on their way to a viewer; one that does not exist is absent. */
export async function whereabouts(db: Queryable, viewerId: string, activityIds: readonly string[]): Promise<Whereabouts[]> {
  if (activityIds.length === 0) return []
  return db.execute<Whereabouts>(sql`
    select p.id::text as "activityId", p.author_id::text as "actorId", coalesce(p.root_author_id, p.author_id)::text as "authorId", ((p.id >> 22) + 1288834974657)::float8 as "mintedAtMs", p.mode, ${EFFECTIVE_AUDIENCE} as audience, p.root_id is not null as "isRepost",
      u.handle as actor, a.route, ${milliseconds(sql`a.candidate_since`)} as "candidateSinceMs", ${milliseconds(sql`f.created_at`)} as "followedSinceMs",
      t.activity_id is not null as "inTimeline", p.id <= v.complete_since as "belowTimeline", e.author_id is not null as "hasEdge",
      ${milliseconds(sql`case when j.after_viewer < v.viewer_id then to_timestamp(((p.id >> 22) + 1288834974657) / 1000.0) end`)} as "queuedSinceMs",
      j.attempts, ${milliseconds(sql`case when j.run_at > now() then j.run_at end`)} as "putOffUntilMs",
      ${milliseconds(sql`c.inserted_at`)} as "insertedAtMs", ${milliseconds(sql`c.pushed_at`)} as "pushedAtMs", ${milliseconds(sql`b.due_at`)} as "copyingDueMs",
      ${milliseconds(sql`d.died_at`)} as "diedAtMs", d.error as "jobError"
    from posts p join users u on u.id = p.author_id join authors a on a.author_id = p.author_id
    join viewers v on v.viewer_id = ${viewerId}
    left join follows f on f.follower_id = v.viewer_id and f.followee_id = p.author_id
    left join timeline_entries t on t.viewer_id = v.viewer_id and t.activity_id = p.id
    left join push_edges e on e.author_id = p.author_id and e.viewer_id = v.viewer_id
    left join fanout_jobs j on j.activity_id = p.id
    left join dead_jobs d on d.activity_id = p.id and d.after_viewer < v.viewer_id
    left join fanout_chunks c on c.activity_id = p.id and c.after_viewer < v.viewer_id and c.last_viewer >= v.viewer_id
    left join backfills b on b.viewer_id = v.viewer_id and b.author_id = p.author_id
    where p.id = any(${idArray(activityIds)})`)
}

export async function databaseNowMs(db: Queryable): Promise<number> {
  const [row] = await db.execute<{ now: number }>(sql`select ${milliseconds(sql`clock_timestamp()`)} as now`)
  if (!row) throw new Error('Postgres answered no row')
  return row.now
}
