import { quantile } from '../cache/statistics.ts'
import { firstPage, type World } from './world.ts'

/** One run: both kinds of readers in turn, so that whatever else the machine does hits both. */
export async function measureReturns(world: World): Promise<Readonly<Record<string, number>>> {
  const [url = ''] = world.stack.urls
  await world.sendAway()
  for (const reader of world.present) await firstPage(url, reader) // their timelines are in L2
  const tookMs = { present: [] as number[], returning: [] as number[] }
  let slow = 0
  for (let i = 0; i < world.returning.length; i++) {
    for (const kind of ['present', 'returning'] as const) {
      const reader = world[kind][i]
      if (!reader) continue
      const page = await firstPage(url, reader)
      tookMs[kind].push(page.tookMs)
      if (page.l2Slow) slow++
    }
  }
  const p99 = { present: quantile(tookMs.present, 0.99), returning: quantile(tookMs.returning, 0.99) }
  return {
    'page from L2, p50 (ms)': quantile(tookMs.present, 0.5),
    'page from L2, p99 (ms)': p99.present,
    'first page after 90 days, p50 (ms)': quantile(tookMs.returning, 0.5),
    'first page after 90 days, p99 (ms)': p99.returning,
    'p99 after 90 days / p99 from L2': p99.returning / p99.present,
    'pages that said l2-unavailable': slow,
  }
}
