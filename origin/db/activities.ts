import { type SQL, sql } from 'drizzle-orm'
import { type Queryable, textArray } from './client.ts'

/**
 * The log of activities: one row for each thing that happened, in the transaction that did it, for whoever follows it (docs/consumers.md).
 *
 * Its order is that of the transactions' ids, and it is read only below the oldest transaction that still runs: what commits late is never behind
 * a reader. That order is the one in which things took effect where both transactions got their ids behind one lock. So whatever is logged
 * begins with `inTurn`.
 */

export type ActivityKind =
  | 'post'
  | 'repost'
  | 'delete'
  | 'like'
  | 'unlike'
  | 'follow'
  | 'unfollow'
  | 'block'
  | 'unblock'
  | 'make-private'
  | 'make-public'
  | 'suspend'
  | 'restore'
  | 'delete-account'
  | 'import'

/** What happened. Which fields a kind has is in docs/consumers.md. */
export interface LoggedActivity {
  readonly kind: ActivityKind
  /** Whose post, like, follow or block it is, whoever ended it; of a change of an account that account; 0 of an import. */
  readonly actorId: bigint
  readonly postId?: bigint
  readonly rootId?: bigint | null | undefined
  readonly subjectId?: bigint
  readonly audience?: 'public' | 'followers'
}

/** The statement that logs it: once for each row of `source` (a FROM clause), as a part of another statement. */
export const logEntry = ({ kind, actorId, postId, rootId, subjectId, audience }: LoggedActivity, source = sql``): SQL => sql`
  insert into activities (kind, actor_id, post_id, root_id, subject_id, audience)
  select ${kind}, ${actorId}::bigint, ${postId ?? null}::bigint, ${rootId ?? null}::bigint, ${subjectId ?? null}::bigint, ${audience ?? null}
  ${source}`

/** Logs what the transaction has just done. */
export async function logActivity(tx: Queryable, activity: LoggedActivity): Promise<void> {
  await tx.execute(logEntry(activity))
}

/**
 * For the FROM clause of the first statement of a transaction that logs something: waits until none of these users is being deleted, and nobody else
 * changes the follow graph of `graphsOf`. A transaction gets its id with the first row it writes or locks, and a statement does that behind its FROM clause.
 * `select … for update` takes the id once it has the row; an UPDATE before it waits for the row, so that who comes first need not go first. Whoever waits
 * here holds up nobody but deletions and changes of the same graph: no post waits for a reader whose row is locked.
 */
export function inTurn(userIds: readonly bigint[], graphsOf: readonly bigint[] = []): SQL {
  const sorted = (ids: readonly bigint[]) => ids.toSorted((a, b) => (a < b ? -1 : 1))
  // Users' ids have 19 digits, so that neither they nor what is below zero is one of LOCKS.
  return turn([
    ...sorted(graphsOf).map((id) => sql`pg_advisory_xact_lock(${-id}::bigint)`),
    ...sorted(userIds).map((id) => sql`pg_advisory_xact_lock_shared(${id}::bigint)`),
  ])
}

/** The same for who deletes a user: waits for all that is under way for them, so that nothing of theirs is logged behind it. */
export const lastTurn = (userId: bigint): SQL => turn([sql`pg_advisory_xact_lock(${userId}::bigint)`])

const turn = (locks: readonly SQL[]): SQL => sql`(select ${sql.join([...locks], sql`, `)}) turn`

/** A place in the log: what is behind it has not been read. Transactions' ids are only ever compared by Postgres. */
export interface LogPosition {
  readonly xid: string
  readonly seq: string
}

export interface ActivityRow extends LogPosition {
  readonly kind: ActivityKind
  readonly actorId: string
  readonly postId: string | null
  readonly rootId: string | null
  readonly subjectId: string | null
  /** Of a post, as it is now; null where it was deleted, or its author was. */
  readonly text: string | null
  /** Of a post or a repost, as it was written: whether its author is private or suspended is told by activities of their own. */
  readonly audience: 'public' | 'followers' | null
  /** ISO 8601: when the transaction that did it began. */
  readonly at: string
}

export interface LogFacts {
  /** Names this log: a position in another one means nothing here. */
  readonly name: string
  /** The log was restored on another server, whose transactions have other ids. */
  readonly moved: boolean
  /** Before the oldest activity that is kept. */
  readonly oldest: LogPosition
  /** Behind the newest that can be read yet. */
  readonly newest: LogPosition
  /** What followed `after` is no longer kept. */
  readonly pruned: boolean
  /** `after` lies ahead of all that happened: the database was put back to an earlier point. */
  readonly ahead: boolean
}

/** What a reader must know of the log before reading on from `after`. Ask for both in one snapshot. */
export async function logFacts(tx: Queryable, after: LogPosition | undefined): Promise<LogFacts> {
  const place = sql`(${after?.xid ?? '0'}::xid8, ${after?.seq ?? '0'}::bigint)`
  const [row] = await tx.execute<
    Record<'name' | 'pruned_xid' | 'pruned_seq' | 'below', string> & Record<'moved' | 'pruned' | 'ahead', boolean>
  >(sql`
    select left(md5(concat_ws(' ', epoch, home, current_database())), 16) as name, home <> system_identifier::text as moved,
      pruned_xid, pruned_seq::text, pg_snapshot_xmin(pg_current_snapshot()) as below,
      ${place} < (pruned_xid, pruned_seq) as pruned, ${after?.xid ?? '0'}::xid8 > pg_snapshot_xmax(pg_current_snapshot()) as ahead
    from activity_log, pg_control_system()`)
  if (!row) throw new Error('activity_log has no row')
  return {
    name: row.name,
    moved: row.moved,
    oldest: { xid: row.pruned_xid, seq: row.pruned_seq },
    newest: { xid: row.below, seq: '0' },
    pruned: after !== undefined && row.pruned,
    ahead: row.ahead,
  }
}

/** So many rows are looked through for the kinds that were asked for. */
const MAX_LOOKED_THROUGH = 5_000

/** The activities from `after` up to `newest`, in order, at most `limit`, with what their posts say now; and up to where that is all. */
export async function activitiesBetween(
  tx: Queryable,
  { after, newest, limit, kinds }: { after: LogPosition; newest: LogPosition; limit: number; kinds: readonly ActivityKind[] | undefined },
): Promise<{ readonly activities: readonly ActivityRow[]; readonly readTo: LogPosition }> {
  const window = kinds ? Math.max(limit, MAX_LOOKED_THROUGH) : limit
  const those = sql`
    select * from activities where (xid, seq) > (${after.xid}::xid8, ${after.seq}::bigint) and xid < ${newest.xid}::xid8 order by xid, seq`
  const rows = await tx.execute<RawActivity>(sql`
    select a.xid, a.seq::text, kind, actor_id::text, post_id::text, a.root_id::text, subject_id::text,
      to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
      a.audience, case when kind = 'post' and p.deleted_at is null and u.deleted_at is null then p.text end as text
    from (${those} limit ${window}) a left join posts p on p.id = a.post_id left join users u on u.id = p.author_id
    ${kinds ? sql`where kind = any(${textArray(kinds)})` : sql``} order by a.xid, a.seq limit ${limit}`)
  const activities = rows.map(toActivity)
  const last =
    activities.length === limit ? activities.at(-1) : (await tx.execute<RawPosition>(sql`${those} offset ${window - 1} limit 1`))[0]
  return { activities, readTo: last ? { xid: last.xid, seq: String(last.seq) } : newest }
}

type RawPosition = { xid: string; seq: bigint }
type RawActivity = Record<'xid' | 'seq' | 'actor_id' | 'at', string> &
  Record<'post_id' | 'root_id' | 'subject_id' | 'text', string | null> & { kind: ActivityKind; audience: ActivityRow['audience'] }

const toActivity = (row: RawActivity): ActivityRow => ({
  xid: row.xid,
  seq: row.seq,
  kind: row.kind,
  actorId: row.actor_id,
  postId: row.post_id,
  rootId: row.root_id,
  subjectId: row.subject_id,
  text: row.text,
  audience: row.audience,
  at: row.at,
})

/**
 * Forgets what is older than `days`, oldest first, at most `limit` in one call, and notes up to where; answers how many. A transaction that
 * wrote for long may leave rows younger than that in front: they wait for it.
 */
export async function pruneActivities(db: Queryable, days: number, limit: number): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`
    with log as (select pruned_xid, pruned_seq from activity_log for update), front as (
      select xid, seq, at from activities
      where (xid, seq) > (select pruned_xid, pruned_seq from log) and xid < pg_snapshot_xmin(pg_current_snapshot())
      order by xid, seq limit ${limit}
    ), old as (
      select xid, seq from front
      where ((xid, seq) < (select xid, seq from front where at >= now() - make_interval(days => ${days}) order by xid, seq limit 1)) is not false
    ), gone as (delete from activities a using old where a.xid = old.xid and a.seq = old.seq returning a.xid, a.seq), noted as (
      update activity_log set (pruned_xid, pruned_seq) = (select xid, seq from gone order by xid desc, seq desc limit 1) where exists (select from gone)
    )
    select count(*)::int as count from gone`)
  return row?.count ?? 0
}

/** Begins the log anew after a restore: every cursor is refused from now on, and its consumers copy the tables again. */
export async function beginLogAnew(db: Queryable): Promise<void> {
  await db.execute(sql`
    with gone as (delete from activities)
    update activity_log set epoch = gen_random_uuid(), home = (select system_identifier::text from pg_control_system()),
      pruned_xid = pg_snapshot_xmin(pg_current_snapshot()), pruned_seq = 0`)
}
