import { sql } from 'drizzle-orm'
import { openLoop } from '../cache/open-loop.ts'
import { quantile } from '../cache/statistics.ts'
import { environmentOf, startOrigin } from './origin.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'

const QUEUED = 100_000
const FULL = '100,000 jobs queued'
const EMPTY = 'an empty queue'
const PER_S = 100
const SECONDS = 6

export const acknowledged: Scenario = {
  name: 'acknowledged',
  title: 'A post acknowledged while nobody fans out',
  about: `POST /v1/posts, ${PER_S} a second for ${SECONDS} s, at an origin of its own process that runs no worker, signed as the edge signs it; until the answer is there. The jobs of the posts themselves stay queued too.`,
  columns: [
    { figure: 'p50', title: 'p50', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'ratio', title: 'p99, to an empty queue' },
  ],
  bars: [bar(FULL, 'ratio', { atMost: 1.5 }, 'p99 with 100,000 jobs queued: at most 1.5 times that of an empty queue')],
  mostRounds: 3,
  async open(world) {
    const graph = await world.graph()
    const origin = await startOrigin({ ...environmentOf(graph.url, world.store), FANOUT_WORKERS: '0' })
    const { small } = graph.authors
    let next = 0
    async function measure(queued: number) {
      await graph.clearQueue()
      if (queued > 0) {
        await graph.db.execute(sql`
          insert into fanout_jobs (activity_id, author_id, mode, lane)
          select ${graph.nextId()}::bigint - (1::bigint << 50) + n, author_id, 'push', 0
          from (select author_id, row_number() over () as n from authors, generate_series(1, ${queued}) where follower_count between 30 and 150 limit ${queued}) j`)
      }
      const took: number[] = []
      const { unanswered, sent } = await openLoop(PER_S, (world.quick ? 2 : SECONDS) * 1_000, async () => {
        const { tookMs } = await origin.post(small[next++ % small.length] as bigint)
        took.push(tookMs)
      })
      if (unanswered > 0 || took.length < sent) throw new Error(`${sent - took.length} of ${sent} posts were not acknowledged`)
      return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) }
    }
    await measure(0)
    const forms = [
      { title: EMPTY, queued: 0 },
      { title: FULL, queued: QUEUED },
    ]
    return {
      async round(round) {
        const found: Record<string, { readonly p50: number; readonly p99: number }> = {}
        for (const { title, queued } of inTurn(forms, round)) found[title] = await measure(queued)
        const p99 = (title: string) => found[title]?.p99 ?? Number.NaN
        return Object.fromEntries(forms.map(({ title }) => [title, { ...found[title], ratio: p99(title) / p99(EMPTY) }]))
      },
      async close() {
        await origin.stop()
        await graph.clearQueue()
      },
    }
  },
}
