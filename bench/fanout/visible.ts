import { sql } from 'drizzle-orm'
import { openLoop } from '../cache/open-loop.ts'
import { deliveries, environmentOf, startOrigin } from './origin.ts'
import { bar, type Scenario } from './scenario.ts'

const OURS = '100 posts a second'
const PER_S = 100
const SECONDS = 8
/** Before the first round: until the pages have been touched since the last checkpoint, each post writes dozens of them whole. */
const WARM_SECONDS = 12

export const visible: Scenario = {
  name: 'visible',
  title: 'From commit to visible in L2',
  about: `${PER_S} posts a second for ${SECONDS} s by authors of 30 to 150 followers whose timelines are all in L2, sent to an origin of its own process, which also fans out. From the commit of the post (pg_xact_commit_timestamp) until Redis had acknowledged the push (pushed_at: a little after readers can see the entry); both moments are noted by Postgres.`,
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
    await graph.db.execute(sql`vacuum timeline_entries`) // or autovacuum comes by, minutes after millions of rows
    const origin = await startOrigin(environmentOf(graph.url, world.store))
    const { small } = graph.authors
    let next = 0
    async function measure(seconds: number) {
      const ids: bigint[] = []
      const before = await world.store.sent()
      const { sent, unanswered } = await openLoop(PER_S, seconds * 1_000, async () => {
        const { id } = await origin.post(small[next++ % small.length] as bigint)
        ids.push(id)
      })
      if (unanswered > 0) throw new Error(`${unanswered} posts were not acknowledged`)
      const found = await deliveries(graph.db, ids)
      const calls = (await world.store.sent()).requests - before.requests
      return { ...found, calls: calls / sent }
    }
    await measure(world.quick ? 2 : WARM_SECONDS)
    return {
      round: async () => ({ [OURS]: await measure(world.quick ? 3 : SECONDS) }),
      async close() {
        await origin.stop()
        await graph.clearQueue()
      },
    }
  },
}
