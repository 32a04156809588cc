import { expect, test } from 'vitest'
import type { CrowdLine } from '../../../../contract/demo.ts'
import { BURST_MS, burst } from '../../../../worker/demo/burst.ts'
import { createVirtualClock, type VirtualClock } from '../../../support/virtual-clock.ts'

interface Reader {
  readonly tookMs: number
  readonly answered?: boolean
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A burst whose readers take as long as is said; each is a load at the origin. */
function linesOf(clock: VirtualClock, readers: readonly Reader[], countMs = 0): Promise<CrowdLine[]> {
  const queue = readers.values()
  let loads = 0
  const read = async () => {
    loads++
    const { tookMs = 0, answered = true } = queue.next().value ?? {}
    await clock.sleep(tookMs)
    return answered
  }
  const countLoads = () => clock.sleep(countMs).then(() => loads)
  return clock.until(collect(burst({ readers: readers.length, read, countLoads, clock })))
}

test('a line tells every 50 ms how the readers fare, the last one how long they waited', async () => {
  const readers = Array.from({ length: 100 }, (_, i) => ({ tookMs: i + 1 }))
  const lines = await linesOf(createVirtualClock(), readers)
  expect(lines).toEqual([
    { readers: 100, answered: 50, failed: 0, origin_loads: 0, elapsed_ms: 50, done: false },
    { readers: 100, answered: 100, failed: 0, origin_loads: 100, elapsed_ms: 100, done: true, p50_ms: 50, p99_ms: 99 },
  ])
})

test('a reader who is refused, or whose request breaks, has failed', async () => {
  const [last] = (await linesOf(createVirtualClock(), [{ tookMs: 5, answered: false }])).slice(-1)
  expect(last).toMatchObject({ answered: 0, failed: 1, p50_ms: null, p99_ms: null })
  const broken = burst({
    readers: 2,
    read: () => Promise.reject(new Error('broken')),
    countLoads: async () => 0,
    clock: createVirtualClock(),
  })
  expect(await collect(broken)).toMatchObject([{ answered: 0, failed: 2, done: true }])
})

test('it ends when its time is up: whoever has not been answered by then has failed', async () => {
  const lines = await linesOf(createVirtualClock(), [{ tookMs: 10 }, { tookMs: BURST_MS + 5 }], 20)
  expect(lines.at(-1)).toMatchObject({ answered: 1, failed: 1, elapsed_ms: BURST_MS, done: true })
})
