import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { EFFECTIVE_AUDIENCE, type EntryRow, type RawEntry, toEntry } from './entries.ts'

/** A line of a feed, and of a repost the older ones of its root that the viewer may see too, newest first. */
export interface OlderRow extends EntryRow {
  readonly older?: readonly EntryRow[]
}

export interface OlderRows {
  readonly entries: readonly OlderRow[]
  /** Nothing below this id was looked at yet, though there are fewer entries than were asked for. */
  readonly reached?: string
}

/** A window of the newest activities is filtered at a time; the next one is twice as large, up to the most. */
const FIRST_WINDOW = 256
const MAX_WINDOW = 4_096
/** After so many windows the answer says how far it came: some eighteen thousand activities. */
const MAX_WINDOWS = 8
/** Beside a repost so many older ones of its root are looked at. */
const MAX_OLDER = 19

/** Reads `unwanted`: whom the viewer muted, and who blocks whom between the two. */
const unwantedBy = (viewerId: SQL | string, withMutes: boolean): SQL => sql`
  select author_id from mutes where viewer_id = ${viewerId} and ${withMutes}
  union select blocked_id from blocks where blocker_id = ${viewerId}
  union select blocker_id from blocks where blocked_id = ${viewerId}`

/** May the viewer see what `p` reposts? Of rows `root` and `root_author`, both absent where it is no repost. */
const rootShows = (viewerId: string | undefined): SQL => sql`(
  p.root_id is null or (
    root.deleted_at is null and root_author.deleted_at is null and root_author.suspended_at is null
    and (root_author.id in (select author_id from unwanted)) is false
    and (
      (root.audience = 'public' and not root_author.private) or root_author.id = ${viewerId ?? null}::bigint
      or exists (select from follows where follower_id = ${viewerId ?? null}::bigint and followee_id = root_author.id)
    )
  ))`

interface Ask {
  readonly viewerId: string
  /** Exclusive bounds, and the newest activity that folding looks up to (inclusive). */
  readonly below: string
  readonly above?: string | undefined
  readonly anchor: string
  readonly limit: number
}

/**
 * A viewer's feed straight from the posts of all followees and the viewer: what the scroll reads under the caches, and where they hold too
 * little that may be shown. All rules of visibility hold as of now. Folded: an activity is left out when a newer one that shows,
 * at or below `anchor`, has the same root.
 *
 * The newest `size` activities can only be by the `size` people with the newest one, and none is older than the last of those; so each
 * window asks everybody for one and only those for more, whoever follows 5,000 too.
 */
export async function olderFeed(db: Queryable, { viewerId, below, above = '0', anchor, limit }: Ask): Promise<OlderRows> {
  // "(… in …) is true" stays a hashed lookup; bare, it becomes a join that is planned for a handful of people.
  const rows = await db.execute<
    Partial<RawEntry> & {
      older: readonly (readonly [id: string, actorId: string, audience: EntryRow['audience']])[] | null
      reached: bigint | null
    }
  >(sql`
    with recursive unwanted as materialized (${unwantedBy(viewerId, true)}), source as materialized (
      select u.id as author_id, u.private
      from (select followee_id as id from follows where follower_id = ${viewerId} union all select ${viewerId}::bigint) s join users u using (id)
      where u.deleted_at is null and u.suspended_at is null and u.id not in (select author_id from unwanted)
    ), walk (below, size, windows, found, ids, ended) as (
      select least(${below}::bigint, ${anchor}::bigint + 1), ${FIRST_WINDOW}::int, 0, 0, '{}'::bigint[], false
      union all
      select w.low, least(walk.size * 2, ${MAX_WINDOW}), walk.windows + 1, walk.found + cardinality(w.ids), w.ids, w.ended
      from walk cross join lateral (
        with head as materialized (
          select author_id, newest.id from source cross join lateral (
            select id from posts p where p.author_id = source.author_id and p.id < walk.below and p.id > ${above}::bigint and p.deleted_at is null
            order by id desc limit 1
          ) newest order by newest.id desc limit walk.size
        ), cut as materialized (
          select case when count(*) = walk.size then min(id) else ${above}::bigint + 1 end as id from head
        ), looked as materialized (
          select p.* from head cross join lateral (
            select id, root_id, root_author_id from posts p
            where p.author_id = head.author_id and p.id < walk.below and p.id >= (select id from cut) and p.deleted_at is null
            order by id desc limit walk.size
          ) p order by p.id desc limit walk.size
        ), line as materialized (
          -- a root that many reposted is looked up once
          select distinct on (coalesce(root_id, id)) * from looked order by coalesce(root_id, id), id desc
        )
        select (select min(id) from looked) as low, (select count(*) from looked) < walk.size as ended, array(
          select p.id from line p left join posts root on root.id = p.root_id left join users root_author on root_author.id = p.root_author_id
          where ${rootShows(viewerId)}
            and not exists (
              select from posts n where n.root_id = coalesce(p.root_id, p.id) and n.id > p.id and n.id <= ${anchor}::bigint
                and n.deleted_at is null and (n.author_id in (select author_id from source)) is true)
            and (p.root_id > p.id and p.root_id <= ${anchor}::bigint
              and (p.root_author_id in (select author_id from source)) is true) is not true
        ) as ids
      ) w
      where not walk.ended and walk.found < ${limit} and walk.windows < ${MAX_WINDOWS}
    ), shown as (
      select p.id, p.author_id, p.root_id, p.root_author_id, p.audience from walk cross join unnest(walk.ids) s (id) join posts p on p.id = s.id
      order by p.id desc limit ${limit}
    )
    select p.id as activity_id, p.author_id as actor_id, p.root_id, p.root_author_id, ${EFFECTIVE_AUDIENCE} as audience,
      (
        select json_agg(json_build_array(o.id::text, o.author_id::text, case when o.private then 'followers' else 'public' end) order by o.id desc)
        from (
          select n.id, n.author_id, (select private from source where source.author_id = n.author_id) as private from posts n
          where n.root_id = p.root_id and n.id < p.id and n.deleted_at is null and (n.author_id in (select author_id from source)) is true
          order by n.id desc limit ${MAX_OLDER}
        ) o
      ) as older, last.reached
    from (
      select case when ended or found >= ${limit} then null else below end as reached from walk order by windows desc limit 1
    ) last left join (shown p join source u on u.author_id = p.author_id) on true
    order by p.id desc`)
  const reached = rows[0]?.reached
  const entries = rows.flatMap(({ older, reached: _, ...row }): OlderRow[] => {
    if (!isEntry(row)) return []
    const entry = toEntry(row)
    const of = ([activityId, actorId, audience]: readonly [string, string, EntryRow['audience']]) => ({
      ...entry,
      activityId,
      actorId,
      audience,
    })
    return [older ? { ...entry, older: older.map(of) } : entry]
  })
  return { entries, ...(reached ? { reached: String(reached) } : {}) }
}

/** Where nothing shows there is one row, and it only says how far the search came. */
const isEntry = (row: Partial<RawEntry>): row is RawEntry => typeof row.activity_id === 'bigint'

interface AuthorAsk {
  readonly authorId: string
  readonly viewerId?: string | undefined
  readonly below: string
  readonly limit: number
}

/**
 * One author's activities below an id, as everybody may see them, or as one viewer may: what the scroll of an author's page reads under the
 * caches. Whom the viewer muted shows there all the same.
 */
export async function olderOfAuthor(db: Queryable, { authorId, viewerId, below, limit }: AuthorAsk): Promise<OlderRows> {
  const rows = await db.execute<RawEntry>(sql`
    with unwanted as materialized (${unwantedBy(sql`${viewerId ?? null}::bigint`, false)})
    select p.id as activity_id, p.author_id as actor_id, p.root_id, p.root_author_id, ${EFFECTIVE_AUDIENCE} as audience
    from posts p join users u on u.id = p.author_id
    left join posts root on root.id = p.root_id left join users root_author on root_author.id = p.root_author_id
    where p.author_id = ${authorId} and p.id < ${below}::bigint and p.deleted_at is null
      and u.deleted_at is null and u.suspended_at is null and (u.id in (select author_id from unwanted)) is false
      and (
        (p.audience = 'public' and not u.private) or u.id = ${viewerId ?? null}::bigint
        or exists (select from follows where follower_id = ${viewerId ?? null}::bigint and followee_id = u.id)
      )
      and ${rootShows(viewerId)}
    order by p.id desc limit ${limit}`)
  return { entries: rows.map(toEntry) }
}
