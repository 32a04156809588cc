import { type SQL, sql } from 'drizzle-orm'
import type { Database, Queryable } from './client.ts'

/** One line as the oracle sees it: which activity shows which post. */
export type OracleLine = readonly [activityId: string, postId: string]

/** Why an activity is not in a feed. `private`: its post is not public now and the viewer does not follow its author. */
export type Hidden = 'deleted' | 'root deleted' | 'unfollowed' | 'muted' | 'blocked' | 'private' | 'suspended' | 'account deleted'

/** How an activity comes to the viewer, and how far it has come. Moments are epoch milliseconds by Postgres' clock. */
export type Journey =
  /** `own` and `pull` are there with their commit, `push` (hot or not) with the acknowledged push of its chunk, a rebuild or a backfill. */
  | { readonly by: 'own' | 'pull' | 'push'; readonly state: 'delivered'; readonly atMs: number }
  /** Still to be cut into chunks; cut and committed, but not acknowledged by Redis; or a follow whose history is still being copied. */
  | { readonly by: 'push'; readonly state: 'queued' | 'inserted' | 'copying'; readonly sinceMs: number }

/** An activity of a followee or of the viewer, as it is at the moment of the question. */
export interface OracleActivity {
  readonly activityId: string
  readonly rootId: string
  readonly actorId: string
  /** Who wrote the root. */
  readonly authorId: string
  /** `folded`: it would be visible, were it not for a newer one that shows the same root. */
  readonly now:
    | { readonly is: 'visible' }
    | { readonly is: 'folded'; readonly under: string }
    | { readonly is: 'hidden'; readonly why: Hidden }
  /** Since when it is visible or hidden (folding aside): the moment of the row that made it so (epoch milliseconds, Postgres' clock). */
  readonly sinceMs: number
  readonly journey: Journey
}

/** What is promised of an activity, folding aside. */
export type Expectation = 'must' | 'may' | 'must not'

/**
 * What promise 1 says of an activity in a scroll whose first page was asked for at `readAtMs`: what became so, or was delivered, within the
 * last `promisedMs` may be there or not. Of those that show one root the newest that is in the caches stands for all.
 */
export function expectationAt({ now, sinceMs, journey }: OracleActivity, readAtMs: number, promisedMs: number): Expectation {
  const settledMs = readAtMs - promisedMs
  if (sinceMs > settledMs) return 'may'
  if (now.is === 'hidden') return 'must not'
  return journey.state === 'delivered' && journey.atMs <= settledMs ? 'must' : 'may'
}

/** When an id was minted. */
const minted = (id: SQL): SQL => sql`to_timestamp(((${id} >> 22) + 1288834974657) / 1000.0)`
const milliseconds = (moment: SQL): SQL => sql`(extract(epoch from ${moment}) * 1000)::float8`

/**
 * Everything by the followees of now, by those the viewer left of late, and by the viewer: why it is hidden, if it is, and since when. Of
 * several reasons the oldest counts. What has no moment of its own (an unmute, an unblock, an account that is public again) is taken to have
 * happened at the viewer's or the user's last change. No caches, no modes, no timelines: tables that people wrote.
 */
const activities = (viewerId: string, downTo: string): SQL => sql`
  viewer as materialized (
    select viewer_id, coalesce(changed_at, '-infinity') as changed_at, enrolled_at from viewers where viewer_id = ${viewerId}
  ), shut as materialized (
    select author_id, min(muted_at) as muted_at, min(blocked_at) as blocked_at from (
      select author_id, created_at as muted_at, null::timestamptz as blocked_at from mutes where viewer_id = ${viewerId}
      union all select blocked_id, null, created_at from blocks where blocker_id = ${viewerId}
      union all select blocker_id, null, created_at from blocks where blocked_id = ${viewerId}) both_ways
    group by author_id
  ), source as materialized (
    select tie.*, u.suspended_at, u.deleted_at, u.visibility_changed_at, muted_at, blocked_at from (
      select followee_id as author_id, created_at as followed_at, null::timestamptz as left_at from follows where follower_id = ${viewerId}
      union all select ${viewerId}::bigint, '-infinity', null
      union all select author_id, '-infinity', left_at from departures d
        where viewer_id = ${viewerId} and not exists (select from follows where follower_id = ${viewerId} and followee_id = d.author_id)
    ) tie join users u on u.id = tie.author_id left join shut using (author_id)
  ), reasons as (
    select p.id, coalesce(p.root_id, p.id) as root_id, p.author_id as actor_id, author.id as author_id, p.mode,
      greatest(${minted(sql`p.id`)}, actor.followed_at, viewer.changed_at, actor.visibility_changed_at, author.visibility_changed_at) as visible_since,
      p.deleted_at as deleted, r.deleted_at as root_deleted, actor.left_at as unfollowed,
      least(actor.muted_at, shut.muted_at) as muted, least(actor.blocked_at, shut.blocked_at) as blocked,
      least(actor.suspended_at, author.suspended_at) as suspended, least(actor.deleted_at, author.deleted_at) as account_deleted,
      case when ties.author_id is not null and ties.left_at is null then null
        when coalesce(r.audience, p.audience) = 'followers' then greatest(${minted(sql`p.id`)}, ties.left_at)
        when author.private then greatest(${minted(sql`p.id`)}, author.visibility_changed_at, ties.left_at) end as private
    from viewer cross join source actor
    join posts p on p.author_id = actor.author_id and p.id >= ${downTo}::bigint
    left join posts r on r.id = p.root_id
    join users author on author.id = coalesce(p.root_author_id, p.author_id)
    left join source ties on ties.author_id = author.id
    left join shut on shut.author_id = author.id
  ), activity as (
    select *, least(deleted, root_deleted, unfollowed, muted, blocked, suspended, account_deleted, private) as hidden_since from reasons
  )`

/**
 * The whole feed of a viewer by brute force, as it would be if everything were delivered at once: all that stands and may be seen, newest first,
 * each root once, by its newest activity.
 */
export async function oracleFeed(db: Database, viewerId: string): Promise<OracleLine[]> {
  const rows = await db.execute<{ id: string; root: string }>(sql`
    with ${activities(viewerId, '0')}
    select id::text, root_id::text as root from (select distinct on (root_id) id, root_id from activity where hidden_since is null order by root_id, id desc) line
    order by line.id desc`)
  return rows.map((row) => [row.id, row.root])
}

/**
 * Every activity that concerns a viewer's feed, newest first, at or above `downTo`: what it is now, since when, and how it came or comes to this
 * viewer. With `expectationAt` it says what a scroll must, may and must not hold. Ask it after the scroll: what changed meanwhile then carries
 * a moment later than the scroll's beginning, and excuses either answer.
 */
export async function oracleActivities(db: Queryable, viewerId: string, downTo = '0'): Promise<OracleActivity[]> {
  const rows = await db.execute<Row>(sql`
    with ${activities(viewerId, downTo)}
    select a.id::text, a.root_id::text as root, a.actor_id::text as actor, a.author_id::text as author,
      case hidden_since when deleted then 'deleted' when root_deleted then 'root deleted' when unfollowed then 'unfollowed' when muted then 'muted'
        when blocked then 'blocked' when suspended then 'suspended' when account_deleted then 'account deleted' when private then 'private' end as why,
      ${milliseconds(sql`coalesce(hidden_since, visible_since)`)} as since,
      case when hidden_since is null then (max(a.id) filter (where hidden_since is null) over (partition by a.root_id))::text end as shown,
      case when a.actor_id = ${viewerId} then 'own' when a.mode = 'pull' then 'pull' else 'push' end as by,
      -- A rebuild at the enrolment brings all of before; who is dormant is rebuilt by the read itself.
      ${minted(sql`a.id`)} < coalesce(viewer.enrolled_at, 'infinity') as rebuilt,
      ${milliseconds(minted(sql`a.id`))} as minted,
      job.activity_id is not null as queued, ${milliseconds(sql`chunk.inserted_at`)} as inserted, ${milliseconds(sql`chunk.pushed_at`)} as pushed,
      ${milliseconds(sql`follow.created_at`)} as copying
    from activity a cross join viewer
    left join fanout_jobs job on job.activity_id = a.id and job.after_viewer < ${viewerId}
    left join fanout_chunks chunk on chunk.activity_id = a.id and chunk.after_viewer < ${viewerId} and chunk.last_viewer >= ${viewerId}
    left join backfills on backfills.viewer_id = ${viewerId} and backfills.author_id = a.actor_id
    left join follows follow on follow.follower_id = backfills.viewer_id and follow.followee_id = backfills.author_id
    order by a.id desc`)
  return rows.map(toActivity)
}

type Row = {
  id: string
  root: string
  actor: string
  author: string
  why: Hidden | null
  since: number
  shown: string | null
  by: Journey['by']
  rebuilt: boolean
  minted: number
  queued: boolean
  inserted: number | null
  pushed: number | null
  copying: number | null
}

function toActivity(row: Row): OracleActivity {
  const { id, root, actor, author, why, since, shown } = row
  return {
    activityId: id,
    rootId: root,
    actorId: actor,
    authorId: author,
    now: why ? { is: 'hidden', why } : shown === null || shown === id ? { is: 'visible' } : { is: 'folded', under: shown },
    sinceMs: since,
    journey: journeyOf(row),
  }
}

/** Chunks are kept for two hours: what has neither chunk nor job came longer ago, or by a backfill. */
function journeyOf({ by, rebuilt, minted, queued, inserted, pushed, copying }: Row): Journey {
  if (by !== 'push') return { by, state: 'delivered', atMs: minted }
  if (copying !== null) return { by, state: 'copying', sinceMs: copying }
  if (rebuilt) return { by, state: 'delivered', atMs: minted }
  if (pushed !== null) return { by, state: 'delivered', atMs: pushed }
  if (inserted !== null) return { by, state: 'inserted', sinceMs: inserted }
  return queued ? { by, state: 'queued', sinceMs: minted } : { by, state: 'delivered', atMs: minted }
}
