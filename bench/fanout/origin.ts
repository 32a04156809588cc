import { sql } from 'drizzle-orm'
import { type Database, idArray } from '../../origin/db/client.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import type { Store } from '../cache/world.ts'

export const EDGE_SECRET = 'bench-edge-secret-0123456789'

/** The environment of an origin of its own process. Nobody becomes hot or pulled: the bars are on what is pushed. */
export const environmentOf = (databaseUrl: string, { settings }: Store): Readonly<Record<string, string>> => ({
  DATABASE_URL: databaseUrl,
  UPSTASH_REDIS_REST_URL: settings.redisRest.url,
  UPSTASH_REDIS_REST_TOKEN: settings.redisRest.token,
  EDGE_SECRET,
  HOT_THRESHOLD: '100000000',
  CROWD_THRESHOLD: '100000000',
  MONITOR_SAMPLES_PER_MINUTE: '0',
  L2_DEADLINE_MS: '5000',
})

/** When activities were committed, as their writer saw it (epoch milliseconds). */
export type Committed = Map<bigint, number>

/** Commits a post as the origin does. */
export async function post(db: Database, id: bigint, authorId: bigint, committed?: Committed): Promise<void> {
  const raised = await db.transaction((tx) => insertActivity(tx, { id, authorId, text: 'a post', root: null }))
  if (!raised) throw new Error(`there is no author ${authorId}`)
  committed?.set(id, Date.now())
}

/**
 * Milliseconds from each commit until Redis had acknowledged the last push of that activity; those that were not are left out. The end is the `pushed_at` of
 * its last chunk, which is noted after the answer of Redis: a reader sees the entry a little sooner.
 */
export async function deliveries(db: Database, committed: Committed): Promise<number[]> {
  const rows = await db.execute<{ activity_id: bigint; at_ms: number }>(sql`
    select activity_id, extract(epoch from max(pushed_at))::float8 * 1000 as at_ms from fanout_chunks
    where activity_id = any(${idArray([...committed.keys()])}) group by 1 having bool_and(pushed_at is not null)`)
  return rows.map(({ activity_id, at_ms }) => at_ms - (committed.get(activity_id) ?? Number.NaN))
}
