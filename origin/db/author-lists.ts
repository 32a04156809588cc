import { type SQL, sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'
import { type EntryRow, type RawEntry, toEntry } from './entries.ts'

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
