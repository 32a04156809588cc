import { eventually } from '../../test/support/eventually.ts'
import { startOriginProcess } from '../../test/support/origin-process.ts'
import { openLoop } from '../cache/open-loop.ts'
import { quantile } from '../cache/statistics.ts'
import { type Committed, deliveries, environmentOf, post } from './origin.ts'
import { bar, type Scenario } from './scenario.ts'

const OURS = '100 posts a second'
const PER_S = 100
const SECONDS = 8

export const visible: Scenario = {
  name: 'visible',
  title: 'From commit to visible in L2',
  about: `${PER_S} posts a second for ${SECONDS} s by authors of 30 to 150 followers whose timelines are all in L2; an origin in a process of its own fans out. From the commit, as its writer saw it, until Redis had acknowledged the push: taken from pushed_at of the last chunk, which is noted a moment after readers can see the entry.`,
  columns: [
    { figure: 'p50', title: 'p50', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'most', title: 'most', unit: ' ms' },
    { figure: 'calls', title: 'calls to L2 per post' },
  ],
  bars: [bar(OURS, 'p50', { atMost: 10 }, 'p50 at most 10 ms', ' ms'), bar(OURS, 'p99', { atMost: 40 }, 'p99 at most 40 ms', ' ms')],
  async open(world) {
    const graph = await world.graph()
    await graph.fillL2()
    const pool = graph.connect(16)
    const origin = await startOriginProcess(environmentOf(graph.url, world.store))
    const { small } = graph.authors
    let next = 0
    async function measure(seconds: number) {
      const committed: Committed = new Map()
      const before = await world.store.sent()
      const { sent } = await openLoop(PER_S, seconds * 1_000, () =>
        post(pool.db, graph.nextId(), small[next++ % small.length] as bigint, committed),
      )
      const found = await eventually(async () => {
        const found = await deliveries(graph.db, committed)
        if (found.length < sent) throw new Error(`${sent - found.length} of ${sent} posts were not delivered`)
        return found
      }, 30_000)
      const calls = (await world.store.sent()).requests - before.requests
      return { p50: quantile(found, 0.5), p99: quantile(found, 0.99), most: Math.max(...found), calls: calls / sent }
    }
    await measure(2)
    return {
      round: async () => ({ [OURS]: await measure(world.quick ? 3 : SECONDS) }),
      async close() {
        await origin.kill()
        await pool.close()
        await graph.clearQueue()
      },
    }
  },
}
