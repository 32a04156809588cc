import { sql } from 'drizzle-orm'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { freePort } from '../../test/support/free-port.ts'
import { startOriginProcess } from '../../test/support/origin-process.ts'
import { openLoop } from '../cache/open-loop.ts'
import { quantile } from '../cache/statistics.ts'
import { EDGE_SECRET, environmentOf } from './origin.ts'
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
  async open(world) {
    const graph = await world.graph()
    const port = await freePort()
    const origin = await startOriginProcess({ ...environmentOf(graph.url, world.store), FANOUT_WORKERS: '0' }, port)
    const key = await importKey(EDGE_SECRET)
    const { small } = graph.authors
    let next = 0
    async function send(): Promise<number> {
      const body = JSON.stringify({ text: 'a post' })
      const caller = { userId: String(small[next++ % small.length]) }
      const request = { method: 'POST', target: '/v1/posts', body: new TextEncoder().encode(body) }
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
        [SIGNATURE_HEADER]: await signRequest(key, request, caller, Date.now()),
      }
      const startedAtMs = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}${request.target}`, { method: 'POST', headers, body })
      const text = await response.text()
      if (response.status !== 201) throw new Error(`answered ${response.status}: ${text.slice(0, 200)}`)
      return performance.now() - startedAtMs
    }
    async function measure(queued: number) {
      await graph.clearQueue()
      if (queued > 0) {
        await graph.db.execute(sql`
          insert into fanout_jobs (activity_id, author_id, mode, lane)
          select ${graph.nextId()}::bigint - (1::bigint << 50) + n, author_id, 'push', 0
          from (select author_id, row_number() over () as n from authors, generate_series(1, ${queued}) where follower_count between 30 and 150 limit ${queued}) j`)
      }
      const took: number[] = []
      const { unanswered, sent } = await openLoop(PER_S, (world.quick ? 2 : SECONDS) * 1_000, async () => void took.push(await send()))
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
        await origin.kill()
        await graph.clearQueue()
      },
    }
  },
}
