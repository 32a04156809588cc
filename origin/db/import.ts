import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import postgres from 'postgres'
import { LOCKS } from './locks.ts'

export interface FollowImport {
  /** Follower and followee by handle, in batches. */
  readonly edges: AsyncIterable<readonly (readonly [follower: string, followee: string])[]>
  /** Ids for users who are not known yet. */
  readonly mint: () => bigint
  /** Authors with this many followers become candidates for the crowd at once. */
  readonly crowdFloor: number
  readonly onStep: (step: ImportStep) => void
}
export type ImportStep =
  | 'reading'
  | 'matching users'
  | 'adding users'
  | 'matching follows'
  | 'adding follows'
  | 'raising versions'
  | 'analysing'

export interface ImportCounts {
  readonly usersNew: number
  readonly usersKnown: number
  readonly followsNew: number
  readonly followsKnown: number
  readonly selfLoops: number
  readonly repeats: number
}

/**
 * Adds a follow graph, with the users it names, in one transaction on a connection of its own. Nothing is added where `edges` throws.
 *
 * Timelines that miss a new follow are not repaired but forgotten: their viewers go dormant, so that the next read rebuilds their rows,
 * and one row for all keys empties L2's timelines and views, which also lets new candidates skip their waiting time (docs/architecture.md, Announce, then route).
 */
export async function importFollows(url: string, work: FollowImport): Promise<ImportCounts> {
  const client = postgres(url, {
    max: 1,
    connect_timeout: 5,
    onnotice: () => {},
    types: { bigint: postgres.BigInt },
    connection: { application_name: 'tideline-import', statement_timeout: 0, idle_in_transaction_session_timeout: 0, temp_buffers: '64MB' },
  })
  try {
    const counts = await client.begin(async (tx) => {
      await tx`set local work_mem = '64MB'`
      work.onStep('reading')
      const read = await stageEdges(tx, work.edges)
      work.onStep('matching users')
      await tx`select pg_advisory_xact_lock(${LOCKS.import})`
      const users = await addUsers(tx, work)
      const follows = await addFollows(tx, work)
      return {
        ...users,
        ...follows,
        selfLoops: read.selfLoops,
        repeats: read.edges - read.selfLoops - follows.followsNew - follows.followsKnown,
      }
    })
    work.onStep('analysing')
    await client`analyze users, authors, viewers, follows, push_edges`
    return counts
  } finally {
    await client.end({ timeout: 5 })
  }
}

/** Copies the edges into a temporary table as they come. */
async function stageEdges(tx: postgres.TransactionSql, edges: FollowImport['edges']): Promise<{ edges: number; selfLoops: number }> {
  await tx`create temp table import_edges (follower text not null, followee text not null) on commit drop`
  const counts = { edges: 0, selfLoops: 0 }
  async function* lines() {
    for await (const batch of edges) {
      let text = ''
      for (const [follower, followee] of batch) {
        text += `${follower}\t${followee}\n` // a handle holds nothing that COPY would want escaped
        if (follower === followee) counts.selfLoops += 1
      }
      counts.edges += batch.length
      if (text) yield text
    }
  }
  await pipeline(Readable.from(lines()), await tx`copy import_edges from stdin`.writable())
  await tx`analyze import_edges`
  return counts
}

/** Makes the users who are not there yet. Leaves `import_users` behind: id and handle of everybody the edges name. */
async function addUsers(tx: postgres.TransactionSql, work: FollowImport): Promise<{ usersNew: number; usersKnown: number }> {
  const labels = await tx`
    create temp table import_labels on commit drop as
    select follower as label from import_edges union select followee from import_edges`
  const unknown = await tx`
    create temp table import_unknown on commit drop as
    select row_number() over (order by label) as place, label
    from import_labels where not exists (select from users where handle = label)`
  work.onStep('adding users')
  await tx`create temp table import_ids (place bigint not null, id bigint not null) on commit drop`
  function* ids() {
    for (let place = 1; place <= unknown.count; ) {
      let text = ''
      for (const end = place + 1_000; place < end && place <= unknown.count; place += 1) text += `${place}\t${work.mint()}\n`
      yield text
    }
  }
  await pipeline(Readable.from(ids()), await tx`copy import_ids from stdin`.writable())
  await tx`analyze import_labels, import_unknown, import_ids`
  const added = await tx`
    insert into users (id, handle, name)
    select id, label, label from import_unknown join import_ids using (place) order by label
    on conflict (handle) do nothing`
  await tx`
    create temp table import_users on commit drop as
    select id, handle from users join import_labels on handle = label`
  await tx`analyze import_users`
  await tx`insert into authors (author_id) select id from import_users order by id on conflict do nothing`
  await tx`insert into viewers (viewer_id) select id from import_users order by id on conflict do nothing`
  return { usersNew: added.count, usersKnown: labels.count - added.count }
}

/** Adds the follows and what hangs on them; `import_follows` is what is new. Locks as a single follow does: viewers, then follows, then authors. */
async function addFollows(tx: postgres.TransactionSql, work: FollowImport): Promise<{ followsNew: number; followsKnown: number }> {
  work.onStep('matching follows')
  const named = await tx`
    create temp table import_follows on commit drop as
    select distinct follower.id as follower_id, followee.id as followee_id
    from import_edges e join import_users follower on follower.handle = e.follower join import_users followee on followee.handle = e.followee
    where follower.id <> followee.id`
  await tx`analyze import_follows`
  const dropKnown = () =>
    tx`delete from import_follows i using follows f where f.follower_id = i.follower_id and f.followee_id = i.followee_id`
  await dropKnown()
  await tx`
    select count(*) from (
      select from viewers where viewer_id in (select follower_id from import_follows) order by viewer_id for update) locked`
  await dropKnown() // what was followed before we held the locks; from here on these follows are ours alone to add
  work.onStep('adding follows')
  const added = await withoutRowChecks(
    tx, // no ON CONFLICT: it would cost another third, and hide a writer who does not lock the viewer
    () => tx`insert into follows (follower_id, followee_id) select follower_id, followee_id from import_follows order by 1, 2`,
  )
  // Not one activity for each of them: who follows the log reads the table again.
  if (added.count > 0) await tx`insert into activities (kind, actor_id) values ('import', 0)`
  work.onStep('raising versions')
  await forgetTimelines(tx)
  await raiseAuthors(tx, added.count, work.crowdFloor)
  return { followsNew: added.count, followsKnown: named.count - added.count }
}

/**
 * Runs an insert into `follows` without looking up both users of each row, which is half of its time. Instead all users are held at
 * once, so that none can be deleted before we commit. Where we may not, or `follows` has triggers of somebody's own, which
 * would not fire, the rows are checked.
 */
async function withoutRowChecks<T>(tx: postgres.TransactionSql, insert: () => PromiseLike<T>): Promise<T> {
  await tx`
    select count(*) from (select from users where id in (select id from import_users) order by id for key share) held`
  await tx`
    select case when has_parameter_privilege('session_replication_role', 'set')
      and not exists (select from pg_trigger where tgrelid = 'follows'::regclass and not tgisinternal)
      then set_config('session_replication_role', 'replica', true) end`
  const result = await insert()
  await tx`
    select case when current_setting('session_replication_role') <> 'origin' then set_config('session_replication_role', 'origin', true) end`
  return result
}

/** Sends the viewers with new follows to sleep and raises what their cached timelines and views are held against. */
async function forgetTimelines(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    delete from departures d using import_follows a where d.viewer_id = a.follower_id and d.author_id = a.followee_id`
  await tx`
    update viewers set view_version = view_version + 1, follow_version = follow_version + 1, enrolled_at = null
    where viewer_id in (select follower_id from import_follows)`
  await tx`delete from push_edges where viewer_id in (select follower_id from import_follows)`
}

/** Counts the new followers and names the candidates. Where either changed anything, L2's timelines and views are owed an end. */
async function raiseAuthors(tx: postgres.TransactionSql, follows: number, crowdFloor: number): Promise<void> {
  await tx`select pg_advisory_xact_lock(${LOCKS.tiers})`
  await tx`
    select count(*) from (
      select from authors where author_id in (select followee_id from import_follows) order by author_id for update) locked`
  await tx`
    update authors set follower_count = follower_count + new.followers
    from (select followee_id, count(*) as followers from import_follows group by followee_id) new where author_id = new.followee_id`
  const candidates = await tx`
    update authors set candidate_since = '-infinity' where candidate_since is null and follower_count >= ${crowdFloor}`
  if (follows + candidates.count > 0) await tx`insert into invalidations (key, truth) values ('tl:*', 0), ('vw:*', 0)`
}
