import { setMaxListeners } from 'node:events'
import { sql } from 'drizzle-orm'
import { createL2 } from '../../origin/adapters/l2.ts'
import { schema } from '../../origin/config.ts'
import { type Database, idArray } from '../../origin/db/client.ts'
import { createJobQueue } from '../../origin/db/jobs.ts'
import { createDelivery, type Delivery } from '../../origin/fanout/deliver.ts'
import type { Heartbeat } from '../../origin/fanout/heartbeat.ts'
import { createFanoutWorker } from '../../origin/fanout/worker.ts'
import type { Store } from '../cache/world.ts'
import { costOf, cpuOfTree, perPiece } from './cost.ts'
import type { Graph } from './graph.ts'
import { PREFIX } from './timelines.ts'
import type { World } from './world.ts'

/** What an origin is configured with when nobody says anything. */
export const CHUNK_SIZE = schema.shape.CHUNK_SIZE.parse(undefined)
const ATTEMPTS = schema.shape.JOB_ATTEMPTS.parse(undefined)
export const BATCH = schema.shape.JOB_BATCH.parse(undefined)

/** "L2 push off": all of the worker's bookkeeping, and a delivery that does nothing. */
export const NO_PUSH: Pick<Delivery, 'push' | 'resting'> = { push: async () => {}, resting: () => false }

/** The origin's own delivery, over HTTP to the façade. Answers are counted, and not judged: this Redis loses nothing. */
export function realDelivery(db: Database, store: Store): Delivery {
  const { redisRest } = store.settings
  const heartbeat: Heartbeat = {
    era: 0,
    watch: async (write) => void (await write(1)),
    beat: async () => {},
    recoverAtStart: async () => {},
    handOver: async () => {},
  }
  const l2 = createL2({ ...redisRest, prefix: PREFIX, deadlineMs: 10_000, timeoutSignal: (ms) => AbortSignal.timeout(ms) })
  return createDelivery({ db, l2, heartbeat, clock: { nowMs: Date.now, monotonicMs: () => performance.now() } })
}

/** So many of the origin's workers drain the queue together. Answers how many entries they made; throws where anything failed. */
export async function drainWith(
  db: Database,
  delivery: Pick<Delivery, 'push' | 'resting'>,
  workers: number,
  batch = BATCH,
): Promise<number> {
  let entries = 0
  let failure: unknown
  const stop = new AbortController()
  const queue = createJobQueue(db, { chunkSize: CHUNK_SIZE, batch, attempts: ATTEMPTS })
  setMaxListeners(0, stop.signal)
  await Promise.all(
    Array.from({ length: workers }, () =>
      createFanoutWorker({
        db,
        queue,
        delivery,
        observe(event) {
          if (event.type === 'fanout-chunks') entries += event.entries
          else failure ??= event.error
        },
      }).drain(stop.signal),
    ),
  )
  if (failure !== undefined) throw failure
  return entries
}

/** Queues an activity of each of these authors, as `insertActivity` does, but all at once. Answers their ids. */
export async function enqueue(db: Database, authorIds: readonly bigint[], nextId: () => bigint): Promise<bigint[]> {
  const ids = authorIds.map(nextId)
  const pairs = sql`unnest(${idArray(ids)}, ${idArray(authorIds)}) n(id, author_id)`
  await db.execute(sql`insert into posts (id, author_id, text, mode) select id, author_id, 'a post', 'push' from ${pairs}`)
  await db.execute(sql`
    insert into fanout_jobs (activity_id, author_id, mode, lane)
    select id, n.author_id, 'push', (follower_count > 2000)::int from ${pairs} join authors a on a.author_id = n.author_id`)
  return ids
}

/** Prepares some work, does it and tells what each entry cost that it made, L2 included; what it left in the queue is removed. */
export async function measured({ postgres, store }: World, graph: Graph, prepare: () => Promise<() => Promise<number>>) {
  const work = await prepare()
  const l2Cpu = async () => ({ redis: cpuOfTree(store.redis.process.pid ?? 0), facade: await store.facadeCpuS() })
  const before = await l2Cpu()
  let count = 0
  const cost = await costOf(graph.db, postgres.pid, async () => {
    count = await work()
  })
  const after = await l2Cpu()
  await graph.clearQueue()
  const us = (of: keyof typeof after) => ((after[of] - before[of]) / count) * 1e6
  return { ...perPiece(cost, count), redisUs: us('redis'), facadeUs: us('facade') }
}
