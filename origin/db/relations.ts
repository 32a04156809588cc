import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

/** Whom a viewer does not want to see, or must not. */
export interface HiddenRow {
  readonly viewerId: string
  readonly muted: readonly string[]
  /** Whom they block, and who blocks them. */
  readonly blocked: readonly string[]
  readonly followsNobody: boolean
}

/** Mutes and blocks of these viewers, at most `limit` of each kind. */
export async function hiddenOf(db: Queryable, viewerIds: readonly string[], limit: number): Promise<HiddenRow[]> {
  if (viewerIds.length === 0) return []
  const rows = await db.execute<{ viewer_id: bigint; muted: string[]; blocked: string[]; follows_nobody: boolean }>(sql`
    select v.viewer_id,
      array(select author_id::text from mutes m where m.viewer_id = v.viewer_id order by m.author_id limit ${limit}) as muted,
      array(
        (select blocked_id::text as id from blocks where blocker_id = v.viewer_id order by blocked_id limit ${limit})
        union (select blocker_id::text from blocks where blocked_id = v.viewer_id order by blocker_id limit ${limit}) order by id
      ) as blocked,
      not exists (select from follows where follower_id = v.viewer_id) as follows_nobody
    from unnest(${idArray(viewerIds)}) v(viewer_id)`)
  return rows.map((row) => ({
    viewerId: String(row.viewer_id),
    muted: row.muted,
    blocked: row.blocked,
    followsNobody: row.follows_nobody,
  }))
}

/** How a viewer stands to an author. */
export interface RelationRow {
  readonly viewerId: string
  readonly authorId: string
  /** Of the viewer: raised with every follow, mute and block that this row is made of. */
  readonly viewVersion: number
  /** The viewer is not deleted, and there is such an author: one who was deleted stays one, until the follows are removed. */
  readonly standing: boolean
  readonly follows: boolean
  readonly muted: boolean
  /** One of the two blocks the other. */
  readonly blocked: boolean
}

/** How these viewers stand to these authors, pair by pair. Of a viewer who never was there is no row. */
export async function relationsOf(
  db: Queryable,
  pairs: readonly { readonly viewerId: bigint | string; readonly authorId: bigint | string }[],
): Promise<RelationRow[]> {
  if (pairs.length === 0) return []
  const rows = await db.execute<{
    viewer_id: bigint
    author_id: bigint
    view_version: bigint
    standing: boolean
    follows: boolean
    muted: boolean
    blocked: boolean
  }>(sql`
    select pair.viewer_id, pair.author_id, view_version,
      viewing.deleted_at is null and author.id is not null as standing,
      exists (select from follows where follower_id = pair.viewer_id and followee_id = pair.author_id) as follows,
      exists (select from mutes m where m.viewer_id = pair.viewer_id and m.author_id = pair.author_id) as muted,
      exists (select from blocks where blocker_id = pair.viewer_id and blocked_id = pair.author_id)
        or exists (select from blocks where blocker_id = pair.author_id and blocked_id = pair.viewer_id) as blocked
    from unnest(${idArray(pairs.map((pair) => pair.viewerId))}, ${idArray(pairs.map((pair) => pair.authorId))}) pair(viewer_id, author_id)
    join viewers v on v.viewer_id = pair.viewer_id join users viewing on viewing.id = pair.viewer_id
    left join users author on author.id = pair.author_id`)
  return rows.map((row) => ({
    viewerId: String(row.viewer_id),
    authorId: String(row.author_id),
    viewVersion: Number(row.view_version),
    standing: row.standing,
    follows: row.follows,
    muted: row.muted,
    blocked: row.blocked,
  }))
}
