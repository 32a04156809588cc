import { sql } from 'drizzle-orm'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { prepared, type Queryable } from '../../origin/db/client.ts'
import { timelineOf } from '../../origin/db/timelines.ts'
import type { Figures } from '../cache/scenario.ts'
import { quantile } from '../cache/statistics.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'

const ONE = 'select 1'
const PAGE = 'the newest 50'
const UNPREPARED = 'the newest 50, planned anew'
const FILL = `the newest ${TIMELINE_CAP + 1}, as a fill asks`

const READS = 1_000
const FOLLOWEES = 150

/** The rows of a timeline as the origin reads them. */
export const warmRead: Scenario = {
  name: 'warm-read',
  title: 'Warm read of a timeline at the origin',
  about: `The statement of a fill (rows of one viewer whose authors are still followed), with 50 lines and with all, on one connection, in turn with the least a statement can cost. Readers follow ${FOLLOWEES} of those whose entries their rows hold.`,
  columns: [
    { figure: 'p50', title: 'p50', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'ratio', title: 'to select 1' },
  ],
  bars: [bar(PAGE, 'ratio', { atMost: 4 }, 'p50 of the newest 50 at most 4 times select 1')],
  async open(world) {
    const graph = await world.graph()
    const pool = graph.connect(1)
    const { db } = pool
    const viewers = graph.viewers.filter((_, i) => i % Math.ceil(graph.viewers.length / 200) === 0)
    await db.execute(sql`
      insert into follows (follower_id, followee_id) select distinct viewer_id, author_id from timeline_entries
      where viewer_id = any(${`{${viewers.join(',')}}`}::bigint[]) on conflict do nothing`)
    await db.execute(sql`vacuum analyze follows`)
    const keeping = prepared(db)
    const read = (queryable: Queryable, limit: number) => (viewerId: bigint) => timelineOf(queryable, viewerId, 0n, limit, [])
    const forms: readonly { readonly title: string; readonly read: (viewerId: bigint) => Promise<unknown> }[] = [
      { title: ONE, read: () => keeping.execute(sql`select 1`) },
      { title: PAGE, read: read(keeping, 50) },
      { title: UNPREPARED, read: read(db, 50) },
      { title: FILL, read: read(keeping, TIMELINE_CAP + 1) },
    ]
    return {
      async round(round) {
        const tookMs = new Map(forms.map(({ title }) => [title, [] as number[]]))
        for (let i = 0; i < (world.quick ? READS / 10 : READS); i++) {
          for (const form of inTurn(forms, round + i)) {
            const startedAtMs = performance.now()
            await form.read(viewers[i % viewers.length] ?? 0n)
            tookMs.get(form.title)?.push(performance.now() - startedAtMs)
          }
        }
        const p50 = (title: string) => quantile(tookMs.get(title) ?? [], 0.5)
        return Object.fromEntries(
          forms.map(({ title }): [string, Figures] => [
            title,
            { p50: p50(title), p99: quantile(tookMs.get(title) ?? [], 0.99), ratio: p50(title) / p50(ONE) },
          ]),
        )
      },
      close: () => pool.close(),
    }
  },
}
