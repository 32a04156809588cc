import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { AUDIENCE_HINT, type EntryRow } from './entries.ts'
import { NOT_REBUILT } from './viewers.ts'

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
 * pulled), the next floor is as much deeper as that tells, and the last one is 0. One row of arrays, the newest first; no row where nobody followed has posted.
 *
 * The authors are found by an array and not by a join: Postgres then goes through their index once, in its order, however few or many it expects.
 */
const newestOfFollowees = (viewerId: bigint, cap: number): SQL => sql`
  followee as materialized (
    select author_id, last_post_id, route from authors
    where author_id = any(array(select followee_id from follows where follower_id = ${viewerId})) and last_post_id > 0
  ), sorted as materialized (
    select array(select last_post_id from followee order by last_post_id desc) as ids
  ), span as materialized (
    select ids[1] as newest, ids[case when cardinality(ids) < ${cap} then cardinality(ids) / 4 + 1 else ${cap}::int end] as floor from sorted
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
    select ids, author_ids, root_ids, root_author_ids, audiences from attempt where count = ${cap} or floor = 0
  )`

/** Since when the newest `cap` posts are everything: '0' where there are no more. */
const completeSinceOf = (count: number, oldest: bigint, cap: number): bigint => (count < cap ? 0n : oldest - 1n)

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
      select ${viewerId}::bigint, p.id, author_id, root_id, root_author_id, ${AUDIENCE_HINT}
      from newest cross join unnest(ids, author_ids, root_ids, root_author_ids, audiences) p(id, author_id, root_id, root_author_id, audience)
        join users u on u.id = author_id order by p.id
      on conflict do nothing
    )
    select coalesce(cardinality(ids), 0) as count, ids[cardinality(ids)] as oldest from newest`)
  const completeSince = completeSinceOf(filled?.count ?? 0, filled?.oldest ?? 0n, cap)
  await tx.execute(sql`update viewers set complete_since = ${completeSince}::bigint where viewer_id = ${viewerId}`)
}

/** What a timeline tells of `newest`: lists with commas, where '' is null. Sent as 800 rows the same takes milliseconds more. */
type FoundLists = Readonly<
  Record<'ids' | 'author_ids' | 'root_ids' | 'root_author_ids' | 'audiences' | 'private_ids' | 'gone_ids', string | null>
>

const listed = (array: SQL): SQL => sql`array_to_string(${array}, ',', '')`
const unlisted = (text: string | null | undefined): readonly string[] => (text ? text.split(',') : [])

/**
 * The timeline that `rebuild` would write: what a reader who returns is answered, half as late as through the rows. Their enrolment must
 * have committed before this snapshot was taken.
 */
export async function unwrittenTimelineOf(
  db: Queryable,
  viewerId: bigint,
  cap: number,
): Promise<{ readonly completeSince: bigint; readonly entries: EntryRow[] }> {
  const [found] = await db.execute<FoundLists>(sql`
    with recursive ${newestOfFollowees(viewerId, cap)}
    select ${listed(sql`ids`)} as ids, ${listed(sql`author_ids`)} as author_ids, ${listed(sql`root_ids`)} as root_ids,
      ${listed(sql`root_author_ids`)} as root_author_ids, ${listed(sql`audiences`)} as audiences, special.*
    from newest cross join lateral (
      select ${listed(sql`array_agg(id) filter (where private)`)} as private_ids, ${listed(sql`array_agg(id) filter (where deleted_at is not null)`)} as gone_ids
      from users where id = any(author_ids) and (private or deleted_at is not null)
    ) special`)
  const ids = unlisted(found?.ids)
  const [authorIds, audiences] = [unlisted(found?.author_ids), unlisted(found?.audiences)]
  const [rootIds, rootAuthorIds] = [unlisted(found?.root_ids), unlisted(found?.root_author_ids)]
  const [privateIds, goneIds] = [new Set(unlisted(found?.private_ids)), new Set(unlisted(found?.gone_ids))]
  const entries = ids.flatMap((activityId, i): EntryRow[] => {
    const [actorId, rootId, rootAuthorId] = [authorIds[i], rootIds[i], rootAuthorIds[i]]
    if (actorId === undefined || goneIds.has(actorId)) return []
    const audience = audiences[i] === 'followers' || privateIds.has(actorId) ? 'followers' : 'public' // as EFFECTIVE_AUDIENCE has it
    return [{ activityId, actorId, audience, ...(rootId && rootAuthorId ? { root: { id: rootId, authorId: rootAuthorId } } : {}) }]
  })
  return { completeSince: completeSinceOf(ids.length, BigInt(ids.at(-1) ?? 0), cap), entries }
}
