import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/**
 * Of all follow edges, what becomes of one when its followee posts: five shares that add up to 1. Shares of accounts would say little: who is
 * dormant follows fewer people than who is not.
 */
export interface EdgeShares {
  readonly edges: number
  /** Saved: the follower has not read for the dormant window. */
  readonly dormant: number
  /** Saved: the followee is pulled. */
  readonly pulled: number
  /** Saved: the followee is hot, and no timeline of the follower's can be in L2. */
  readonly absent: number
  /** Pushed to a timeline in L2, and no row is written. */
  readonly present: number
  /** A row is written. */
  readonly pushed: number
  /** Of the edges to followers who are not dormant: those without a timeline in L2. All that the present window could save. */
  readonly absentOfActive: number
  /** False: from Postgres' statistics and a sample. */
  readonly exact: boolean
}

/** Edges that a sample looks at, each with its two ends: some 150 ms. */
const SAMPLE_EDGES = 10_000
/** Pages they are spread over: the edges of an author lie together. */
const SAMPLE_PAGES = 2_000
/** Tables below this size are counted instead: 100,000 edges take some 100 ms. */
const COUNTED_BYTES = 4 * 1024 * 1024

/** What each window saves. Undefined where nobody follows anybody, or Postgres has no statistics yet. */
export async function readEdgeShares(db: Queryable, exact: boolean): Promise<EdgeShares | undefined> {
  const [follows, active] = [await sizeOf(db, 'follows'), await sizeOf(db, 'push_edges')]
  const counted = exact || follows.bytes <= COUNTED_BYTES
  const edges = counted ? await countFollows(db) : follows.rows
  if (edges <= 0) return undefined
  const sampled = counted ? sql`push_edges` : sampleOf(active)
  const [seen] = await db.execute<{ active: number; pulled: number; hot: number; absent: number; hot_absent: number }>(sql`
    select count(*)::float8 as active, count(*) filter (where route = 'pull')::float8 as pulled,
      count(*) filter (where hot and route <> 'pull')::float8 as hot, count(*) filter (where present_until <= now())::float8 as absent,
      count(*) filter (where hot and route <> 'pull' and present_until <= now())::float8 as hot_absent
    from ${sampled} e join authors using (author_id) join viewers using (viewer_id)`)
  if (!seen) return undefined
  const activeShare = Math.min(1, (counted ? seen.active : active.rows) / edges)
  /** Of all edges, from how many of those that were seen. */
  const share = (count: number): number => (seen.active === 0 ? 0 : (activeShare * count) / seen.active)
  return {
    edges: Math.round(edges),
    dormant: 1 - activeShare,
    pulled: share(seen.pulled),
    absent: share(seen.hot_absent),
    present: share(seen.hot - seen.hot_absent),
    pushed: share(seen.active - seen.pulled - seen.hot),
    absentOfActive: seen.active === 0 ? 0 : seen.absent / seen.active,
    exact: counted,
  }
}

interface Size {
  readonly bytes: number
  readonly pages: number
  /** By the statistics, for the pages of now; 0 where there are none. */
  readonly rows: number
}

async function sizeOf(db: Queryable, table: 'follows' | 'push_edges'): Promise<Size> {
  const [row] = await db.execute<Size & Record<string, unknown>>(sql`
    select bytes, pages, case when relpages > 0 then greatest(0, reltuples) * pages / relpages else 0 end::float8 as rows
    from pg_class, lateral (select pg_relation_size(oid)::float8 as bytes) b,
      lateral (select bytes / current_setting('block_size')::float8 as pages) p
    where oid = ${table}::regclass`)
  return row ?? { bytes: 0, pages: 0, rows: 0 }
}

async function countFollows(db: Queryable): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`select count(*)::float8 as count from follows`)
  return row?.count ?? 0
}

/** Some edges of many pages. */
function sampleOf({ pages, rows }: Size) {
  const percent = Math.min(100, (100 * SAMPLE_PAGES) / Math.max(1, pages))
  const kept = Math.min(1, SAMPLE_EDGES / Math.max(1, (rows * percent) / 100))
  return sql`(select author_id, viewer_id from push_edges tablesample system (${percent}::float8) where random() < ${kept}::float8 limit ${2 * SAMPLE_EDGES})`
}
