import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { eventually } from '../../test/support/eventually.ts'
import { startOriginProcess } from '../../test/support/origin-process.ts'
import { openLoop } from '../cache/open-loop.ts'
import { quantile } from '../cache/statistics.ts'
import type { Graph } from './graph.ts'
import { type Committed, deliveries, environmentOf, post } from './origin.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'

const PER_S = 50
const SECONDS = 8
/** Between two looks at how many big jobs are queued (milliseconds). */
const LOOK_MS = 100
const QUEUED = [0, 10, 100] as const
const titleOf = (queued: number): string => (queued === 0 ? 'idle' : `${queued} big jobs queued`)

export const lanes: Scenario = {
  name: 'lanes',
  title: 'Authors of 300 followers while big jobs are queued',
  about: `${PER_S} posts a second for ${SECONDS} s by authors of 300 followers, while so many jobs of 100,000 followers each are kept queued, by 25 authors. From commit to pushed_at, in one origin of its own process with its two workers; every timeline is in L2.`,
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
    const pool = graph.connect(16)
    const origin = await startOriginProcess(environmentOf(graph.url, world.store))
    const { modest } = graph.authors
    let next = 0
    async function measure(queued: number) {
      await graph.fillL2()
      const load = keepQueued(graph, queued)
      await load.there
      const committed: Committed = new Map()
      const before = await bigChunks()
      const { sent } = await openLoop(PER_S, (world.quick ? 3 : SECONDS) * 1_000, () =>
        post(pool.db, graph.nextId(), modest[next++ % modest.length] as bigint, committed),
      )
      const big = (await bigChunks()) - before
      const found = await eventually(async () => {
        const found = await deliveries(graph.db, committed)
        if (found.length < sent) throw new Error(`${sent - found.length} of ${sent} posts were not delivered`)
        return found
      }, 60_000)
      await load.stop()
      return { p50: quantile(found, 0.5), p99: quantile(found, 0.99), bigPerS: big / (world.quick ? 3 : SECONDS) }
    }
    /** Entries that big jobs have made so far, about. */
    async function bigChunks(): Promise<number> {
      const [row] = await graph.db.execute<{ count: number }>(sql`select count(*)::int as count from fanout_chunks where after_viewer > 0`)
      return (row?.count ?? 0) * 5_000
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
        await origin.kill()
        await pool.close()
        await graph.clearQueue()
      },
    }
  },
}

/** Keeps so many big jobs in the queue. `there` resolves when they are; `stop` empties it. */
function keepQueued(graph: Graph, count: number): { readonly there: Promise<void>; stop(): Promise<void> } {
  const { huge } = graph.authors
  let next = 0
  const fill = async () => {
    const [row] = await graph.db.execute<{ count: number }>(sql`select count(*)::int as count from fanout_jobs where lane = 1`)
    const missing = count - (row?.count ?? 0)
    for (let i = 0; i < missing; i++) await post(graph.db, graph.nextId(), huge[next++ % huge.length] as bigint)
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
    async stop() {
      stopped = true
      await keeping
      await graph.clearQueue()
    },
  }
}
