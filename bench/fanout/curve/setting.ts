import { sql } from 'drizzle-orm'
import { createClient } from 'redis'
import { encodeList } from '../../../contract/l2/codec.ts'
import { keyOf } from '../../../contract/l2/keys.ts'
import { encodeValue } from '../../../contract/l2/value.ts'
import { connect, idArray } from '../../../origin/db/client.ts'
import { realDelivery } from '../sides.ts'
import type { World } from '../world.ts'
import { type Activity, activityOf, postsOf } from './activity.ts'
import { fillDatabase, idsOf, pastIdsOf } from './database.ts'
import { createFanoutWork } from './fanout-work.ts'
import type { FollowGraph } from './graph.ts'
import { createReadWork } from './read-work.ts'
import { type Loading, PUSH, type Routing, replay } from './replay.ts'
import { RATIO } from './totals.ts'
import { createMeter } from './work.ts'

const PAST_POSTS = 250_000
const MOST_DAYS = 30
const PREFIX = 'tideline:'
const HOUR_MS = 3_600_000

export type Setting = Awaited<ReturnType<typeof createSetting>>

/** A graph with its day of activity, in a database of its own, and everything that lets the origin work in it. */
export async function createSetting(world: World, graph: FollowGraph, levels: readonly number[]) {
  const { quick, say } = world
  const activity = activityOf(graph, 1)
  const posts = postsOf(activity, Math.round(activity.reads / RATIO), 2)
  const days = Math.max(3, Math.min(MOST_DAYS, PAST_POSTS / posts.length))
  const past = { authors: postsOf(activity, Math.round(posts.length * (quick ? 3 : days)), 3), days: quick ? 3 : days }
  const nowMs = Date.now()
  say(`${graph.name}: ${activity.reads.toLocaleString('en-US')} reads and ${posts.length.toLocaleString('en-US')} posts a day`)
  const ids = idsOf(graph.users)
  const database = await world.emptyDatabase()
  const rows = await fillDatabase({ url: database.url, graph, activity, ids, past, pastIds: pastIdsOf(past, nowMs) })
  say(
    `${graph.edges.toLocaleString('en-US')} follows, ${past.authors.length.toLocaleString('en-US')} past posts, ${rows.toLocaleString('en-US')} rows of timelines`,
  )

  const samples = quick ? 60 : 300
  const replayed = new Map<number, Loading>()
  const loadingOf = (routing: Routing): Loading => {
    const known = replayed.get(routing.pullFrom) ?? replay(graph, activity, routing, samples, 4)
    replayed.set(routing.pullFrom, known)
    return known
  }
  const open = (url: string, maxConnections: number) =>
    connect(url, { maxConnections, statementTimeoutMs: 600_000, applicationName: 'bench' })
  const origin = open(database.url, 1)
  const workers = open(`${database.url}?synchronous_commit=off`, 2)
  const meter = createMeter(origin.db, { postmaster: world.postgres.pid, redis: world.store.redis.process.pid ?? 0 })
  const { present, timelines } = loadingOf(PUSH)
  const presentIds = ids.filter((_, user) => present[user])
  await origin.db.execute(
    sql`update viewers set present_until = now() + interval '1 day' where viewer_id = any(${idArray([...presentIds])})`,
  )
  await origin.db.execute(sql`vacuum viewers`)
  await fillL2(world.store.redis.url, presentIds)

  const fanout = createFanoutWork({
    db: workers.db,
    delivery: realDelivery(workers.db, world.store),
    meter,
    ...{ graph, activity, ids, posts, levels },
    sampleEdges: quick ? 5_000 : 40_000,
    timed: quick ? 1 : 4,
  })
  const reads = await createReadWork({ db: origin.db, meter, ids, readers: timelines.sample, sample: quick ? 20 : 100 })
  return {
    graph,
    activity,
    posts: posts.length,
    days: past.days,
    present: presentIds.length,
    loadingOf,
    fanout,
    reads,
    async close(): Promise<void> {
      await origin.close()
      await workers.close()
      await database.drop()
    },
  }
}

/** What a push must find where a timeline is present: a value, short because a graph's worth of whole ones has no room here. */
async function fillL2(url: string, viewers: BigInt64Array): Promise<void> {
  const client = createClient({ url })
  await client.connect()
  const endsAtMs = Date.now() + 24 * HOUR_MS
  const life = { softExpiresAtMs: endsAtMs, hardExpiresAtMs: endsAtMs, graceEndsAtMs: endsAtMs, deltaMs: 1 }
  const text = encodeValue({
    ...life,
    truth: 1,
    stamp: 1,
    tailLength: 0,
    payload: encodeList({ completeSince: '0', candidates: [], entries: [] }),
  })
  for (let at = 0; at < viewers.length; at += 1_000) {
    const block = Array.from(viewers.subarray(at, at + 1_000), (id): [string, string] => [PREFIX + keyOf.timeline(String(id)), text])
    if (block.length > 0) await client.mSet(block)
  }
  await client.close()
}

/** Removes every key. */
export async function emptyL2(url: string): Promise<void> {
  const client = createClient({ url })
  await client.connect()
  await client.flushDb()
  await client.close()
}

export const readersOf = ({ enrolled }: Activity): number => enrolled.reduce((sum, one) => sum + one, 0)
