import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

/** One line of a timeline; the same shape as the contract's `Entry`, which this room may not import. */
export interface EntryRow {
  readonly activityId: string
  readonly actorId: string
  readonly audience: 'public' | 'followers'
  readonly root?: { readonly id: string; readonly authorId: string }
}

/** Who may see a post `p` of user `u` now. */
export const EFFECTIVE_AUDIENCE = sql`case when u.private then 'followers' else p.audience end`

/** The same as a row of a timeline keeps it: null for everybody, which costs no byte. */
export const AUDIENCE_HINT = sql`nullif(${EFFECTIVE_AUDIENCE}, 'public')`

export type RawEntry = {
  activity_id: bigint
  actor_id: bigint
  audience: EntryRow['audience']
  root_id: bigint | null
  root_author_id: bigint | null
}
export const toEntry = (row: RawEntry): EntryRow => ({
  activityId: String(row.activity_id),
  actorId: String(row.actor_id),
  audience: row.audience,
  ...(row.root_id === null || row.root_author_id === null
    ? {}
    : { root: { id: String(row.root_id), authorId: String(row.root_author_id) } }),
})

export interface ViewerRow {
  readonly viewerId: bigint
  readonly viewVersion: number
  readonly followVersion: number
  readonly marksVersion: number
  readonly enrolled: boolean
  readonly completeSince: bigint
  readonly deleted: boolean
}

/** The viewers with these ids, deleted ones included. */
export async function findViewers(db: Queryable, ids: readonly (bigint | string)[]): Promise<ViewerRow[]> {
  if (ids.length === 0) return []
  const rows = await db.execute<{
    viewer_id: bigint
    view_version: bigint
    follow_version: bigint
    marks_version: bigint
    enrolled: boolean
    complete_since: bigint
    deleted: boolean
  }>(sql`
    select viewer_id, view_version, follow_version, marks_version, enrolled_at is not null as enrolled, complete_since,
      deleted_at is not null as deleted
    from viewers join users on id = viewer_id where viewer_id = any(${idArray(ids)})`)
  return rows.map((row) => ({
    viewerId: row.viewer_id,
    viewVersion: Number(row.view_version),
    followVersion: Number(row.follow_version),
    marksVersion: Number(row.marks_version),
    enrolled: row.enrolled,
    completeSince: row.complete_since,
    deleted: row.deleted,
  }))
}

/**
 * Enrols a viewer in fan-out: from the commit on, every chunk that is cut finds their edges, and that they are present. False when already enrolled.
 * What reads the posts for them must start after this one committed.
 */
export async function enrol(tx: Queryable, viewerId: bigint): Promise<boolean> {
  const dormant = await tx.execute(sql`select 1 from viewers where viewer_id = ${viewerId} and enrolled_at is null for update`)
  if (dormant.length === 0) return false
  await tx.execute(sql`
    insert into push_edges (author_id, viewer_id) select followee_id, follower_id from follows where follower_id = ${viewerId}
    on conflict do nothing`)
  // Complete from nowhere until the rebuild has committed: until then reads take the posts, and a process that dies leaves it owed.
  await tx.execute(sql`
    update viewers set enrolled_at = now(), last_active_at = now(), present_until = now() + make_interval(hours => ${PRESENT_HOURS}),
      complete_since = ${NOT_REBUILT}::bigint where viewer_id = ${viewerId}`)
  return true
}

/** `complete_since` of a viewer who is enrolled but not yet rebuilt. */
export const NOT_REBUILT = 9_223_372_036_854_775_807n

/**
 * Does a timeline that is filled now hold this post of this author? All but the posts that are no rows of those who are pulled now: every reader has a
 * 'pull' author in their copy of `crowd` (announced for 15 s, and in it for a timeline's life after the demotion). One that is 'announced' may lack
 * in a copy, and one that is 'demoted' is about to leave. So who is hot, or was pulled, may change at any moment, and nothing is copied.
 */
export const inTimelines = (post: SQL, author: SQL): SQL => sql`(${post}.mode = 'push' or ${author}.route <> 'pull')`

/** An hour as a difference of ids. */
const HOUR_OF_IDS = 3_600_000n << 22n
/** After so many floors too high, all posts are looked at. */
const FLOORS = 3

/**
 * `newest`, the newest `cap` posts of followees that a timeline holds, for `with recursive`: bounded by count and not by age, and without reading much of what is older. They
 * can only be by the `cap` followees with the newest post, and are no older than the last of those: the first floor, above which posts are looked for.
 * Of fewer followees the floor is where a quarter of them has posted since. Where fewer are found (few post often; a newest post was deleted, or is
 * pulled), the next floor is as much deeper as that tells, and the last one is 0.
 */
const newestOfFollowees = (viewerId: bigint, cap: number): SQL => sql`
  followee as materialized (
    select a.author_id, a.last_post_id, a.route from follows f join authors a on a.author_id = f.followee_id
    where f.follower_id = ${viewerId} and a.last_post_id > 0
  ), span as materialized (
    select max(last_post_id) as newest, coalesce((array_agg(last_post_id order by last_post_id desc))[${cap}::int],
      percentile_disc(0.75) within group (order by last_post_id)) as floor from followee
  ), attempt as (
    select 0 as number, null::bigint as floor, floor as next_floor, 0 as count,
      null::bigint[] as ids, null::bigint[] as author_ids, null::bigint[] as root_ids, null::bigint[] as root_author_ids, null::text[] as audiences
    from span where floor is not null
    union all
    select number + 1, next_floor,
      case when number < ${FLOORS} then greatest(0, newest - greatest(newest - next_floor, ${HOUR_OF_IDS}::bigint)::float8
        * least(64, greatest(2, 1.5 * ${cap} / greatest(1, found.count))))::bigint else 0 end,
      found.*
    from attempt cross join span cross join lateral (
      select count(*)::int as count, array_agg(id), array_agg(author_id), array_agg(root_id), array_agg(root_author_id), array_agg(audience) from (
        select p.* from followee cross join lateral (
          select id, author_id, root_id, root_author_id, audience from posts
          where author_id = followee.author_id and id >= next_floor and deleted_at is null and ${inTimelines(sql`posts`, sql`followee`)}
          order by id desc limit ${cap}) p
        where followee.last_post_id >= next_floor order by p.id desc limit ${cap}) p
    ) found
    where attempt.count < ${cap} and attempt.floor is distinct from 0
  ), newest as (
    select p.* from attempt cross join lateral
      unnest(ids, author_ids, root_ids, root_author_ids, audiences) p(id, author_id, root_id, root_author_id, audience)
    where count = ${cap} or floor = 0
  )`

/** Since when the newest `cap` posts are everything: '0' where there are no more. */
const completeSinceOf = (count: number, oldest: bigint | null, cap: number): bigint => (oldest === null || count < cap ? 0n : oldest - 1n)

/** Writes an enrolled viewer's rows from the posts, where that is still to be done. */
export async function rebuild(tx: Queryable, viewerId: bigint, cap: number): Promise<void> {
  const owed = await tx.execute(sql`
    select 1 from viewers where viewer_id = ${viewerId} and enrolled_at is not null and complete_since = ${NOT_REBUILT}::bigint for update`)
  if (owed.length === 0) return
  await tx.execute(sql`delete from timeline_entries where viewer_id = ${viewerId}`)
  const [filled] = await tx.execute<{ count: number; oldest: bigint | null }>(sql`
    with recursive ${newestOfFollowees(viewerId, cap)}, inserted as (
      -- in the order in which chunks insert, or the two could wait for each other
      insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
      select ${viewerId}::bigint, p.id, author_id, root_id, root_author_id, ${AUDIENCE_HINT} from newest p join users u on u.id = author_id order by p.id
      on conflict do nothing
    )
    select count(*)::int as count, min(id) as oldest from newest`)
  const completeSince = completeSinceOf(filled?.count ?? 0, filled?.oldest ?? null, cap)
  await tx.execute(sql`update viewers set complete_since = ${completeSince}::bigint where viewer_id = ${viewerId}`)
}

/**
 * The timeline that `rebuild` would write: what a reader who returns is answered, half as late as through the rows. Their enrolment must
 * have committed before this snapshot was taken.
 */
export async function unwrittenTimelineOf(
  db: Queryable,
  viewerId: bigint,
  cap: number,
): Promise<{ readonly completeSince: bigint; readonly entries: EntryRow[] }> {
  const rows = await db.execute<RawEntry & { deleted: boolean }>(sql`
    with recursive ${newestOfFollowees(viewerId, cap)}
    select p.id as activity_id, p.author_id as actor_id, ${EFFECTIVE_AUDIENCE} as audience, p.root_id, p.root_author_id,
      u.deleted_at is not null as deleted
    from newest p join users u on u.id = p.author_id order by p.id desc`)
  const completeSince = completeSinceOf(rows.length, rows.at(-1)?.activity_id ?? null, cap)
  return { completeSince, entries: rows.filter(({ deleted }) => !deleted).map(toEntry) }
}

/**
 * The newest entries of a viewer, at most `limit`, restricted to the follows of now: their rows, and of `unpushed` followees the posts that rows need not hold.
 * What was deleted or hidden since is among the rows: readers look at `po:` and `us:`. Read `complete_since` and who is unpushed in the
 * same snapshot: a trim in between would hide a hole.
 */
export async function timelineOf(
  db: Queryable,
  viewerId: bigint,
  completeSince: bigint,
  limit: number,
  unpushed: readonly bigint[],
): Promise<EntryRow[]> {
  const rowsOf = sql`
    select activity_id, author_id as actor_id, coalesce(audience, 'public') as audience, root_id, root_author_id from timeline_entries
    where viewer_id = ${viewerId} and activity_id > ${completeSince}
      and exists (select from follows f where f.follower_id = ${viewerId} and f.followee_id = author_id)
    order by activity_id desc limit ${limit}`
  if (unpushed.length === 0) return (await db.execute<RawEntry>(rowsOf)).map(toEntry)
  const postsOf = sql`posts where author_id = source.id and mode <> 'push' and deleted_at is null and id > ${completeSince}`
  // A sample of each author tells a floor: the `limit`th newest of what is known is not above that of all.
  const sample = 1 + Math.ceil((2 * limit) / unpushed.length)
  const rows = await db.execute<RawEntry>(sql`
    with entry as materialized (${rowsOf}), source as materialized (
      select id, private from users where id = any(${idArray(unpushed)})
    ), known as (
      select activity_id from entry
      union select newest.id from source cross join lateral (select id from ${postsOf} order by id desc limit ${sample}) newest
    ), floor as materialized (
      select coalesce((select activity_id from known order by activity_id desc offset ${limit - 1} limit 1), ${completeSince}::bigint) as id
    )
    select distinct on (activity_id) activity_id, actor_id, audience, root_id, root_author_id from (
      select *, true as is_row from entry
      union all select post.id, source.id, case when private then 'followers' else audience end, root_id, root_author_id, false from source cross join lateral (
        select id, audience, root_id, root_author_id from ${postsOf} and id >= (select id from floor) order by id desc limit ${limit}) post
    ) line order by activity_id desc, is_row limit ${limit}`)
  return rows.map(toEntry)
}

/**
 * The followees of a viewer who are, or may become, crowded; and those with posts of which timelines hold more than rows (`inTimelines`). Looked for follow by follow: a
 * plan that begins with all such authors of the world is ten times as dear once many of them have come or gone.
 */
export async function bigFolloweesOf(
  db: Queryable,
  viewerId: bigint,
): Promise<{ readonly candidates: bigint[]; readonly unpushed: bigint[] }> {
  const rows = await db.execute<{ author_id: bigint; candidate: boolean; unpushed: boolean }>(sql`
    with followee as materialized (select followee_id from follows where follower_id = ${viewerId})
    select big.* from followee cross join lateral (
      select author_id, candidate_since is not null as candidate, unpushed and route <> 'pull' as unpushed from authors
      where author_id = followee_id and (candidate_since is not null or unpushed) limit 1) big`)
  const idsWhere = (is: 'candidate' | 'unpushed') => rows.filter((row) => row[is]).map((row) => row.author_id)
  return { candidates: idsWhere('candidate'), unpushed: idsWhere('unpushed') }
}

/** Whom a viewer unfollowed within the last hours. */
export async function departuresOf(
  db: Queryable,
  viewerIds: readonly string[],
  hours: number,
): Promise<{ viewerId: bigint; authorId: bigint }[]> {
  const rows = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    select viewer_id, author_id from departures
    where viewer_id = any(${idArray(viewerIds)}) and left_at > now() - make_interval(hours => ${hours}) order by author_id`)
  return rows.map((row) => ({ viewerId: row.viewer_id, authorId: row.author_id }))
}

/**
 * The newest activities of each author that this audience may see and no wider one, whatever their mode, at most `limit` each; an author
 * without any, suspended or deleted is absent.
 */
export async function listsOf(
  db: Queryable,
  authorIds: readonly string[],
  audience: EntryRow['audience'],
  limit: number,
): Promise<EntryRow[]> {
  if (authorIds.length === 0) return []
  // Two branches, of which one runs: with an OR, an author's few posts for followers would be looked for among all of theirs.
  const newest = (condition: SQL) => sql`
    (select id as activity_id, author_id as actor_id, root_id, root_author_id from posts
    where author_id = u.id and deleted_at is null and ${condition} order by id desc limit ${limit})`
  const lists =
    audience === 'public'
      ? newest(sql`not u.private and audience = 'public'`)
      : sql`${newest(sql`u.private`)} union all ${newest(sql`not u.private and audience = 'followers'`)}`
  const rows = await db.execute<RawEntry>(sql`
    select p.*, ${audience}::text as audience from users u cross join lateral (${lists}) p
    where u.id = any(${idArray(authorIds)}) and u.suspended_at is null and u.deleted_at is null order by activity_id desc`)
  return rows.map(toEntry)
}

export interface AuthorRow {
  readonly authorId: bigint
  readonly postVersion: number
  readonly deleted: boolean
  /** There are activities that only followers may see. */
  readonly hasForFollowers: boolean
}

/** What lists need to know of these authors beside their posts, deleted ones included. */
export async function findAuthors(db: Queryable, authorIds: readonly (bigint | string)[]): Promise<AuthorRow[]> {
  if (authorIds.length === 0) return []
  const some = (condition: SQL) => sql`exists (select from posts where author_id = u.id and deleted_at is null and ${condition})`
  const rows = await db.execute<{ author_id: bigint; post_version: bigint; deleted: boolean; has_for_followers: boolean }>(sql`
    select author_id, post_version, u.deleted_at is not null as deleted,
      suspended_at is null and u.deleted_at is null and
        case when u.private then ${some(sql`true`)} else ${some(sql`audience = 'followers'`)} end as has_for_followers
    from authors join users u on u.id = author_id where author_id = any(${idArray(authorIds)})`)
  return rows.map((row) => ({
    authorId: row.author_id,
    postVersion: Number(row.post_version),
    deleted: row.deleted,
    hasForFollowers: row.has_for_followers,
  }))
}

/** Longer than a timeline that is filled now lives in L2, by the hour in which nothing is noted (hours). */
const PRESENT_HOURS = 27

/**
 * Notes that a viewer reads, and that a timeline of theirs may be present in L2 from now on; at most once an hour. Before the snapshot that fills it: a hot
 * post that the snapshot does not see commits later than this, and is pushed.
 */
export async function noteActivity(db: Queryable, viewerId: bigint): Promise<void> {
  await db.execute(sql`
    update viewers set last_active_at = now(), present_until = now() + make_interval(hours => ${PRESENT_HOURS})
    where viewer_id = ${viewerId} and enrolled_at is not null and present_until < now() + make_interval(hours => ${PRESENT_HOURS - 1})`)
}

/** Lets viewers who have not read for `days` go dormant: nothing is pushed to them until they return. Answers how many. */
export async function retireViewers(tx: Queryable, days: number, limit: number): Promise<number> {
  const rows = await tx.execute<{ viewer_id: bigint }>(sql`
    update viewers set enrolled_at = null where viewer_id in (
      select viewer_id from viewers where enrolled_at is not null and last_active_at < now() - make_interval(days => ${days})
      order by viewer_id limit ${limit} for update skip locked)
    returning viewer_id`)
  const ids = idArray(rows.map((row) => row.viewer_id))
  await tx.execute(sql`delete from push_edges where viewer_id = any(${ids})`)
  await tx.execute(sql`delete from timeline_entries where viewer_id = any(${ids})`)
  return rows.length
}

/** Cuts timelines to their newest `cap` rows; what is cut raises `complete_since`. A late old row never evicts a newer one. */
export async function trimTimelines(db: Queryable, viewerIds: readonly string[], cap: number): Promise<void> {
  if (viewerIds.length === 0) return
  await db.execute(sql`
    with viewer as materialized (
      select viewer_id from viewers where viewer_id = any(${idArray(viewerIds)}) order by viewer_id for update
    ), cut as materialized (
      select viewer_id, c.activity_id from viewer cross join lateral (
        select activity_id from timeline_entries t where t.viewer_id = viewer.viewer_id order by activity_id desc offset ${cap} limit 1) c
    ), gone as (
      delete from timeline_entries t using cut where t.viewer_id = cut.viewer_id and t.activity_id <= cut.activity_id
    )
    update viewers v set complete_since = greatest(v.complete_since, cut.activity_id) from cut where v.viewer_id = cut.viewer_id`)
}
