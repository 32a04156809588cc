import { once } from 'node:events'
import { sql } from 'drizzle-orm'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { nodeHashes } from '../../origin/adapters/hashes.ts'
import { type Database, idArray } from '../../origin/db/client.ts'
import { eventually } from '../../test/support/eventually.ts'
import { freePort } from '../../test/support/free-port.ts'
import { startOriginProcess } from '../../test/support/origin-process.ts'
import { quantile } from '../cache/statistics.ts'
import type { Store } from '../cache/world.ts'

const EDGE_SECRET = 'bench-edge-secret-0123456789'
const DELIVERED_DEADLINE_MS = 60_000

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

/** An origin of its own process, and posts to it, signed as the edge signs them. */
export async function startOrigin(environment: Readonly<Record<string, string>>) {
  const port = await freePort()
  const running = await startOriginProcess(environment, port)
  const key = await importKey(EDGE_SECRET, undefined, nodeHashes)
  const target = '/v1/posts'
  return {
    /** As an operator ends it: of one that was killed the next would replay the last minute, and what was delivered would be delivered again. */
    async stop(): Promise<void> {
      if (running.ended) return
      const ended = once(running.process, 'exit')
      running.process.kill('SIGTERM')
      await ended
    },
    /** Posts, and answers the id of the post and how long that took (milliseconds). */
    async post(authorId: bigint): Promise<{ readonly id: bigint; readonly tookMs: number }> {
      const body = JSON.stringify({ text: 'a post' })
      const request = { method: 'POST', target, body: new TextEncoder().encode(body) }
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
        [SIGNATURE_HEADER]: await signRequest(key, request, { userId: String(authorId) }, Date.now()),
      }
      const startedAtMs = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}${target}`, { method: 'POST', headers, body })
      const text = await response.text()
      if (response.status !== 201) throw new Error(`a post was answered ${response.status}: ${text.slice(0, 200)}`)
      return { id: BigInt(JSON.parse(text).id), tookMs: performance.now() - startedAtMs }
    },
  }
}

/**
 * How long posts took to be delivered (milliseconds), once all are: from their commit until Redis had acknowledged the last push. Both moments are noted by
 * Postgres, the second (pushed_at) a little after readers can see the entry.
 */
export async function deliveries(
  db: Database,
  ids: readonly bigint[],
): Promise<{ readonly p50: number; readonly p99: number; readonly most: number }> {
  const took = await eventually(async () => {
    const rows = await db.execute<{ ms: number }>(sql`
      select extract(epoch from max(pushed_at) - max(pg_xact_commit_timestamp(p.xmin)))::float8 * 1000 as ms
      from fanout_chunks join posts p on p.id = activity_id
      where activity_id = any(${idArray(ids)}) group by activity_id having bool_and(pushed_at is not null)`)
    if (rows.length < ids.length) throw new Error(`${ids.length - rows.length} of ${ids.length} posts were not delivered`)
    return rows.map(({ ms }) => ms)
  }, DELIVERED_DEADLINE_MS)
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99), most: Math.max(...took) }
}
