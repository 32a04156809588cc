import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

/** How often a post was liked and reposted: the sums over its slots, of which its truth version is one as well. */
export interface CountsRow {
  readonly postId: string
  readonly likes: number
  readonly reposts: number
  readonly version: number
}

/** The counts of these posts; one that nobody ever liked or reposted is absent. */
export async function countsOf(db: Queryable, postIds: readonly (bigint | string)[]): Promise<CountsRow[]> {
  if (postIds.length === 0) return []
  const rows = await db.execute<{ post_id: bigint; likes: bigint; reposts: bigint; version: bigint }>(sql`
    select post_id, sum(likes)::bigint as likes, sum(reposts)::bigint as reposts, sum(version)::bigint as version
    from post_counts where post_id = any(${idArray(postIds)}) group by post_id`)
  return rows.map((row) => ({
    postId: String(row.post_id),
    likes: Number(row.likes),
    reposts: Number(row.reposts),
    version: Number(row.version),
  }))
}

/** Which posts somebody liked and reposted, newest posts first. */
export interface MarksRow {
  readonly liked: readonly string[]
  readonly reposted: readonly string[]
}

/** The newest posts a viewer liked, and the newest they reposted, at most `limit` each. */
export async function marksOf(db: Queryable, viewerId: string, limit: number): Promise<MarksRow> {
  const [row] = await db.execute<{ liked: string[]; reposted: string[] }>(sql`
    select array(select post_id::text from likes where user_id = ${viewerId} order by likes.post_id desc limit ${limit}) as liked,
      array(
        select root_id::text from posts where author_id = ${viewerId} and root_id is not null and deleted_at is null
        order by posts.root_id desc limit ${limit}) as reposted`)
  return row ?? { liked: [], reposted: [] }
}

/** Which of these posts a viewer liked and reposted. */
export async function marksAmong(db: Queryable, viewerId: string, postIds: readonly string[]): Promise<MarksRow> {
  const [row] = await db.execute<{ liked: string[]; reposted: string[] }>(sql`
    select array(select post_id::text from likes where user_id = ${viewerId} and post_id = any(${idArray(postIds)}) order by likes.post_id desc) as liked,
      array(
        select root_id::text from posts where author_id = ${viewerId} and root_id = any(${idArray(postIds)}) and deleted_at is null
        order by posts.root_id desc) as reposted`)
  return row ?? { liked: [], reposted: [] }
}
