import { sql } from 'drizzle-orm'
import { inTurn, logActivity } from './activities.ts'
import { oweCleanup } from './cleanups.ts'
import type { Queryable } from './client.ts'
import { AUDIENCE_HINT } from './entries.ts'
import { inTimelines } from './rebuilds.ts'
import { relationsOf } from './relations.ts'
import { findUsers } from './users.ts'

/** `left` names at most this many authors; beyond it the timeline is dropped instead. */
const MAX_DEPARTURES = 1_000
/** Longer than a chunk that was cut is on its way to Redis (seconds); what is pushed later than that reads the edges of then. */
const PUSH_IN_THE_AIR_SECONDS = 60
/** Longer than a timeline lives in L2 (hours). */
export const DEPARTURE_HOURS = 25

export type FollowOutcome = 'created' | 'already' | 'requested' | 'blocked' | 'suspended' | 'unknown follower' | 'unknown followee'

/**
 * Writes a follow, with the edge fan-out reads where the follower is enrolled, and a backfill that is still to be done; of a private account
 * that has not `accepted` it, a request. `already` when it stood before; `suspended` is the follower. Run it in a transaction.
 */
export async function insertFollow(tx: Queryable, followerId: bigint, followeeId: bigint, accepted = false): Promise<FollowOutcome> {
  // The viewer's row first: an enrolment of the same viewer waits, or has finished and left enrolled_at for us to see.
  const [viewer] = await tx.execute<{ enrolled: boolean }>(sql`
    select enrolled_at is not null as enrolled from viewers, ${inTurn([followerId, followeeId], [followerId])} where viewer_id = ${followerId} for update of viewers`)
  // Viewer, author, user: everybody locks in this order, and the foreign keys of the follow lock users.
  await tx.execute(sql`select 1 from authors where author_id = ${followeeId} for update`)
  // Under these locks neither a block nor the account's visibility changes.
  const accounts = await findUsers(tx, [followerId, followeeId])
  const follower = accounts.find(({ id }) => id === followerId)
  const followee = accounts.find(({ id }) => id === followeeId)
  if (!follower) return 'unknown follower'
  if (!followee || followee.suspended) return 'unknown followee'
  const [relation] = await relationsOf(tx, [{ viewerId: followerId, authorId: followeeId }])
  if (relation?.blocked) return 'blocked'
  if (relation?.follows) return 'already'
  if (follower.suspended) return 'suspended'
  if (followee.private && !accepted) {
    await tx.execute(
      sql`insert into follow_requests (target_id, requester_id) values (${followeeId}, ${followerId}) on conflict do nothing`,
    )
    return 'requested'
  }
  await tx.execute(sql`insert into follows (follower_id, followee_id) values (${followerId}, ${followeeId})`)
  await tx.execute(sql`delete from follow_requests where target_id = ${followeeId} and requester_id = ${followerId}`)
  if (viewer?.enrolled) {
    await tx.execute(sql`insert into push_edges (author_id, viewer_id) values (${followeeId}, ${followerId}) on conflict do nothing`)
  }
  await tx.execute(sql`delete from departures where viewer_id = ${followerId} and author_id = ${followeeId}`)
  await tx.execute(sql`
    insert into backfills (viewer_id, author_id, due_at) values (${followerId}, ${followeeId}, now() + interval '5 seconds')
    on conflict (viewer_id, author_id) do update set due_at = excluded.due_at`)
  await logActivity(tx, { kind: 'follow', actorId: followerId, subjectId: followeeId })
  await tx.execute(sql`update authors set follower_count = follower_count + 1 where author_id = ${followeeId}`)
  return 'created'
}

/** Versions that a change of the follow graph raised. */
export interface ViewerVersions {
  readonly viewVersion: number
  readonly followVersion: number
}

/**
 * Copies the newest posts of a new followee that timelines hold into an enrolled viewer's timeline, and raises the follow version, so that
 * every timeline filled before is a miss. Must run in a transaction that starts after the follow committed: a post committed
 * before our snapshot is copied, one committed after it finds the edge. Undefined when another process has done it.
 */
export async function backfill(tx: Queryable, viewerId: bigint, authorId: bigint, cap: number): Promise<ViewerVersions | undefined> {
  const [viewer] = await tx.execute<{ enrolled: boolean }>(sql`
    select enrolled_at is not null as enrolled from viewers where viewer_id = ${viewerId} for update`)
  const owed = await tx.execute(sql`delete from backfills where viewer_id = ${viewerId} and author_id = ${authorId} returning 1`)
  if (owed.length === 0) return undefined
  if (viewer?.enrolled) {
    // Where the author has more of them than we copy, the timeline is complete only above the oldest copied one.
    await tx.execute(sql`
      with newest as (
        select p.id, author_id, root_id, root_author_id, ${AUDIENCE_HINT} as audience, row_number() over (order by p.id desc) as place
        from posts p join authors using (author_id) join users u on u.id = author_id
        where author_id = ${authorId} and p.deleted_at is null and ${inTimelines(sql`p`, sql`authors`)}
          and exists (select from follows where follower_id = ${viewerId} and followee_id = ${authorId})
        order by p.id desc limit ${cap + 1}
      ), copied as (
        insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
        select ${viewerId}::bigint, id, author_id, root_id, root_author_id, audience from newest where place <= ${cap} order by id
        on conflict do nothing
      )
      update viewers set complete_since = greatest(complete_since, (select coalesce(max(id) filter (where place = ${cap + 1}), 0) from newest))
      where viewer_id = ${viewerId}`)
  }
  return raiseVersions(tx, viewerId, true)
}

/** Takes follows whose backfill was left behind by a process that died, and holds them for five seconds. */
export async function takeBackfills(db: Queryable, limit: number): Promise<{ readonly viewerId: bigint; readonly authorId: bigint }[]> {
  const rows = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    update backfills set due_at = now() + interval '5 seconds'
    where (viewer_id, author_id) in (
      select viewer_id, author_id from backfills where due_at <= now() order by due_at limit ${limit} for update skip locked)
    returning viewer_id, author_id`)
  return rows.map((row) => ({ viewerId: row.viewer_id, authorId: row.author_id }))
}

/** Removes a follow, and a request for one, and leaves a cleanup; undefined when there was no follow. Run it in a transaction. */
export async function deleteFollow(
  tx: Queryable,
  followerId: bigint,
  followeeId: bigint,
): Promise<(ViewerVersions & { readonly dropTimeline: boolean }) | undefined> {
  await tx.execute(
    sql`select 1 from viewers, ${inTurn([followerId, followeeId], [followerId])} where viewer_id = ${followerId} for update of viewers`,
  )
  await tx.execute(sql`delete from follow_requests where target_id = ${followeeId} and requester_id = ${followerId}`)
  const gone = await tx.execute(sql`
    delete from follows where follower_id = ${followerId} and followee_id = ${followeeId} returning 1`)
  if (gone.length === 0) return undefined
  await logActivity(tx, { kind: 'unfollow', actorId: followerId, subjectId: followeeId })
  await tx.execute(sql`delete from push_edges where author_id = ${followeeId} and viewer_id = ${followerId}`)
  await tx.execute(sql`delete from backfills where author_id = ${followeeId} and viewer_id = ${followerId}`)
  await oweCleanup(tx, { viewerId: followerId, authorId: followeeId })
  await tx.execute(sql`
    insert into departures (viewer_id, author_id) values (${followerId}, ${followeeId})
    on conflict (viewer_id, author_id) do update set left_at = now()`)
  const [departures] = await tx.execute<{ many: boolean }>(sql`
    select count(*) > ${MAX_DEPARTURES} as many from departures where viewer_id = ${followerId}`)
  const dropTimeline = departures?.many ?? false
  if (dropTimeline) {
    // A push of a chunk that was cut before may still be in the air, and land in the timeline that is filled next.
    await tx.execute(sql`
      delete from departures where viewer_id = ${followerId} and left_at < now() - make_interval(secs => ${PUSH_IN_THE_AIR_SECONDS})`)
  }
  await tx.execute(sql`update authors set follower_count = follower_count - 1 where author_id = ${followeeId}`)
  const versions = await raiseVersions(tx, followerId, dropTimeline)
  return versions && { ...versions, dropTimeline }
}

/** Raises what every change of a viewer's follows, mutes and blocks raises; with `follow`, their timeline too. Undefined when there is no such viewer. */
export async function raiseVersions(tx: Queryable, viewerId: bigint, follow: boolean): Promise<ViewerVersions | undefined> {
  const [row] = await tx.execute<{ view_version: bigint; follow_version: bigint }>(sql`
    update viewers set view_version = view_version + 1, follow_version = follow_version + ${follow ? 1 : 0}, changed_at = clock_timestamp()
    where viewer_id = ${viewerId} returning view_version, follow_version`)
  return row && { viewVersion: Number(row.view_version), followVersion: Number(row.follow_version) }
}
