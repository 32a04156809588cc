import { sql } from 'drizzle-orm'
import { createClient } from 'redis'
import { firstIdAt } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { idArray } from '../../origin/db/client.ts'
import { makeUsers } from '../../test/support/people.ts'
import { startTestPostgres } from '../../test/support/postgres.ts'
import { type Client, startStack } from '../../test/support/stack.ts'

const AUTHORS = 2_000
/** Of them: pulled, and followed by everybody. */
export const CROWDED = 20
export const FOLLOWEES = 1_000
const POSTS_EACH = 40
const SPAN_MS = 30 * 86_400_000
/** Readers whose follows one statement inserts. */
const READERS_AT_ONCE = 50

export type World = Awaited<ReturnType<typeof createWorld>>

/**
 * Everything real, with 80,000 posts by 2,000 authors and two groups of readers who follow a thousand of them, the twenty crowded ones
 * among them: `present`, whose timelines are in L2, and `returning`, who have not read for 90 days. The worker's memory has no room,
 * so that every page comes from L2.
 */
export async function createWorld(workerBundle: string, readersOfEachKind: number) {
  const postgres = await startTestPostgres()
  const stack = await startStack({
    postgresUrl: postgres.adminUrl,
    workerBundle,
    worker: { L2_DEADLINE_MS: '5000', MEMORY_BYTES: '1' },
  })
  const redis = createClient({ url: stack.redis.url })
  await redis.connect()
  const { db } = stack

  const authors = await makeUsers(db, AUTHORS)
  const crowded = authors.slice(0, CROWDED)
  const readers = await makeUsers(db, 2 * readersOfEachKind)
  await db.execute(sql`
    update authors set route = 'pull', candidate_since = '-infinity', announced_at = now() where author_id = any(${idArray(crowded)})`)
  const firstId = firstIdAt(Date.now() - SPAN_MS)
  const step = (firstIdAt(Date.now()) - firstId) / BigInt(AUTHORS * POSTS_EACH)
  await db.execute(sql`
    insert into posts (id, author_id, text, mode)
    select ${firstId}::bigint + place * ${step}::bigint, author_id, 'A calm line about the harbour in the morning ' || place, case route when 'pull' then 'pull' else 'push' end
    from (select author_id, route, row_number() over (order by hashint8(author_id # each)) as place
      from authors, generate_series(1, ${POSTS_EACH}) each where author_id = any(${idArray(authors)})) p`)
  await db.execute(sql`
    update authors a set last_post_id = p.newest, post_version = ${POSTS_EACH}
    from (select author_id, max(id) as newest from posts group by 1) p where a.author_id = p.author_id`)
  for (let i = 0; i < readers.length; i += READERS_AT_ONCE) {
    await db.execute(sql`
      insert into follows (follower_id, followee_id)
      select reader, author_id from unnest(${idArray(readers.slice(i, i + READERS_AT_ONCE))}) reader cross join lateral (
        select author_id from authors where author_id = any(${idArray(authors)})
        order by author_id <> all(${idArray(crowded)}), hashint8(author_id # reader) limit ${FOLLOWEES}) a`)
  }
  await db.execute(sql`vacuum analyze`)

  const clients = await Promise.all(readers.map((id) => stack.client(id)))
  const returning = clients.slice(readersOfEachKind)
  return {
    stack,
    present: clients.slice(0, readersOfEachKind),
    returning,
    /** Lets the returning readers have been away for 90 days: nobody pushes to them, no layer knows them. */
    async sendAway(): Promise<void> {
      const ids = idArray(returning.map(({ id }) => id))
      await db.execute(sql`
        update viewers set enrolled_at = null, last_active_at = now() - interval '90 days' where viewer_id = any(${ids})`)
      await db.execute(sql`delete from push_edges where viewer_id = any(${ids})`)
      await db.execute(sql`delete from timeline_entries where viewer_id = any(${ids})`)
      const keys = returning.flatMap(({ id }) => [
        keyOf.timeline(id),
        keyOf.viewer(id),
        keyOf.marks(id),
        keyOf.author(id, 'public'),
        keyOf.author(id, 'followers'),
      ])
      await redis.unlink(keys.map((key) => `tideline:${key}`))
    },
    async stop(): Promise<void> {
      await redis.close()
      await stack.stop()
      await postgres.stop()
    },
  }
}

/** What a first page cost its reader. */
export interface FirstPage {
  /** Until its last byte was there (milliseconds). */
  readonly tookMs: number
  /** Parts it waited for the origin to load. */
  readonly fromOrigin: number
  /** L2 was so slow that something came unverified from memory, as on a busy machine. */
  readonly l2Slow: boolean
}

/** Reads a first page of 50. Throws where it is not whole. */
export async function firstPage(url: string, { token }: Client): Promise<FirstPage> {
  const startedAtMs = performance.now()
  const response = await fetch(`${url}/v1/feed/following?limit=50`, { headers: { authorization: `Bearer ${token}` } })
  const body = await response.text()
  const tookMs = performance.now() - startedAtMs
  if (response.status !== 200) throw new Error(`answered ${response.status}: ${body.slice(0, 200)}`)
  if (pageSchema.parse(JSON.parse(body)).posts.length !== 50) throw new Error('a page of fewer than 50 posts')
  const degraded = response.headers.get('tideline-degraded')
  if (degraded !== null && degraded !== 'l2-unavailable') throw new Error(`degraded: ${degraded}`)
  return {
    tookMs,
    fromOrigin: Number(/origin=(\d+)/.exec(response.headers.get('cache-status') ?? '')?.[1] ?? 0),
    l2Slow: degraded !== null,
  }
}
