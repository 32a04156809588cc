import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { openLoop } from '../cache/open-loop.ts'
import type { Graph } from './graph.ts'
import { deliveries, environmentOf, startOrigin } from './origin.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'
import { CHUNK_SIZE } from './sides.ts'

const PER_S = 50
const SECONDS = 8
/** Between two looks at how many big jobs are queued (milliseconds). */
const LOOK_MS = 100
const QUEUED = [0, 10, 100] as const
const titleOf = (queued: number): string => (queued === 0 ? 'idle' : `${queued} big jobs queued`)

export const lanes: Scenario = {
  name: 'lanes',
  title: 'Authors of 300 followers while big jobs are queued',
  about: `${PER_S} posts a second for ${SECONDS} s by authors of 300 followers, while so many jobs of 100,000 followers each are kept queued, by 25 authors. All are sent to one origin of its own process, which fans out with its two workers; every timeline is in L2. Delivery as above, from commit to acknowledgement.`,
  columns: [
    { figure: 'p50', title: 'p50', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'toIdle', title: 'p99, to idle' },
    { figure: 'toTen', title: 'p99, to 10 queued' },
    { figure: 'bigPerS', title: 'entries/s of big jobs' },
  ],
  bars: [
    bar(titleOf(100), 'toTen', { atMost: 1.3 }, 'p99 with 100 queued: at most 1.3 times that with 10'),
    bar(titleOf(100), 'p99', { atMost: 5_000 }, 'p99 with 100 queued: less than 5 s', ' ms'),
  ],
  mostRounds: 3,
  async open(world) {
    const graph = await world.graph()
    const origin = await startOrigin(environmentOf(graph.url, world.store))
    const { modest } = graph.authors
    const seconds = world.quick ? 3 : SECONDS
    let next = 0
    async function measure(queued: number) {
      await graph.fillL2()
      const load = keepQueued(graph, queued, origin.post)
      try {
        await load.there
        const ids: bigint[] = []
        const before = await bigEntries(graph)
        const { unanswered } = await openLoop(PER_S, seconds * 1_000, async () => {
          const { id } = await origin.post(modest[next++ % modest.length] as bigint)
          ids.push(id)
        })
        if (unanswered > 0) throw new Error(`${unanswered} posts were not acknowledged`)
        const bigPerS = ((await bigEntries(graph)) - before) / seconds
        return { ...(await deliveries(graph.db, ids)), bigPerS }
      } finally {
        await load.stop()
      }
    }
    return {
      async round(round) {
        const found = new Map<number, Awaited<ReturnType<typeof measure>>>()
        for (const queued of inTurn(QUEUED, round)) found.set(queued, await measure(queued))
        const p99 = (queued: number) => found.get(queued)?.p99 ?? Number.NaN
        return Object.fromEntries(
          QUEUED.map((queued) => [
            titleOf(queued),
            { ...found.get(queued), toIdle: p99(queued) / p99(0), ...(queued > 0 ? { toTen: p99(queued) / p99(10) } : {}) },
          ]),
        )
      },
      async close() {
        await origin.stop()
        await graph.clearQueue()
      },
    }
  },
}

/** Entries that big jobs have made so far: whole chunks. */
async function bigEntries({ db }: Graph): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`select count(*)::int as count from fanout_chunks where lane = 1`)
  return (row?.count ?? 0) * CHUNK_SIZE
}

/** Keeps so many big jobs in the queue. `there` resolves when they are; `stop` empties it. */
function keepQueued({ db, authors: { huge }, clearQueue }: Graph, count: number, post: (authorId: bigint) => Promise<unknown>) {
  let next = 0
  const fill = async () => {
    const [row] = await db.execute<{ count: number }>(sql`select count(*)::int as count from fanout_jobs where lane = 1`)
    for (let missing = count - (row?.count ?? 0); missing > 0; missing--) await post(huge[next++ % huge.length] as bigint)
  }
  const there = count > 0 ? fill() : Promise.resolve()
  let stopped = false
  const keeping = (async () => {
    await there
    while (!stopped && count > 0) {
      await sleep(LOOK_MS)
      await fill()
    }
  })()
  return {
    there,
    async stop(): Promise<void> {
      stopped = true
      await keeping
      await clearQueue()
    },
  }
}
