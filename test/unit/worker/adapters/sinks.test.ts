import { expect, test } from 'vitest'
import { type DataPoint, doubleOf, type WORK_MEASURES } from '../../../../contract/analytics.ts'
import { createEngineSink } from '../../../../worker/adapters/engine-sink.ts'
import { allOf } from '../../../../worker/adapters/event-sink.ts'
import { createOriginSink } from '../../../../worker/adapters/origin-sink.ts'
import { createWork } from '../../../../worker/http/work.ts'
import { requestEvent } from '../../../support/points.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

const BATCH = 10
const DELAY_MS = 700
const LOST_AFTER_MS = 4_000
const sumOf = (points: readonly DataPoint[], column: (typeof WORK_MEASURES)[number]) =>
  points.reduce((sum, { doubles }) => sum + (doubles[doubleOf(column)] ?? 0), 0)

/** A sink whose batches land where the test says. */
function setUp(post: (points: readonly DataPoint[]) => Promise<unknown> = async () => {}) {
  const clock = createVirtualClock()
  const work = createWork()
  const batches: (readonly DataPoint[])[] = []
  const sink = createOriginSink({
    post: (points) => {
      batches.push(points)
      return post(points)
    },
    work,
    clock,
    batchSize: BATCH,
    delayMs: DELAY_MS,
    lostAfterMs: LOST_AFTER_MS,
  })
  const background: Promise<unknown>[] = []
  const record = (count: number) => {
    for (let i = 0; i < count; i++) sink(requestEvent(clock.nowMs()), (promise) => void background.push(promise))
  }
  return { clock, work, batches, record, background, sizes: () => batches.map((points) => points.length) }
}

test('a batch leaves when it is full, or when its first point has waited long enough', async () => {
  const { clock, record, sizes } = setUp()
  record(2 * BATCH + 3)
  expect(sizes()).toEqual([BATCH, BATCH])
  await clock.advance(DELAY_MS - 1)
  expect(sizes()).toEqual([BATCH, BATCH])
  await clock.advance(1)
  expect(sizes()).toEqual([BATCH, BATCH, 3])
})

test('the last point of a batch carries the work of its isolate, done behind answers too', async () => {
  const { clock, work, record, batches } = setUp()
  work.observe({ type: 'loaded', keys: 3, tookMs: 5, alone: false })
  record(2)
  work.observe({ type: 'leased', key: 'crowd', state: 'granted' })
  work.observe({ type: 'leased', key: 'crowd', state: 'fresher' })
  await clock.advance(DELAY_MS)
  const [first = []] = batches
  expect(first.map((point) => sumOf([point], 'loads'))).toEqual([0, 1])
  expect(sumOf(first, 'leasesGranted')).toBe(1)
  record(1)
  await clock.advance(DELAY_MS)
  expect(sumOf(batches.flat(), 'loads')).toBe(1)
})

test('an origin that never answers holds a bounded number of points; what is more is dropped, and counted later', async () => {
  let hangs = true
  const { clock, record, batches, sizes } = setUp(() => (hangs ? new Promise(() => {}) : Promise.resolve()))
  record(100)
  expect(sizes()).toEqual([BATCH, BATCH, BATCH, BATCH])
  hangs = false
  await clock.advance(LOST_AFTER_MS + 1)
  record(BATCH)
  await clock.advance(DELAY_MS)
  const arrived = batches.slice(4).flat()
  expect(arrived.length + sumOf(arrived, 'dropped')).toBe(100 + BATCH)
  expect(sumOf(arrived, 'dropped')).toBeGreaterThanOrEqual(4 * BATCH)
})

test('points that came while too many batches were on their way leave when one has landed, without another request', async () => {
  const landed: (() => void)[] = []
  const { clock, record, sizes } = setUp(() => new Promise<void>((resolve) => landed.push(resolve)))
  for (let batch = 1; batch <= 4; batch++) record(BATCH)
  record(3)
  await clock.advance(2 * DELAY_MS)
  expect(sizes()).toEqual([BATCH, BATCH, BATCH, BATCH])
  landed[0]?.()
  await clock.advance(DELAY_MS)
  expect(sizes()).toEqual([BATCH, BATCH, BATCH, BATCH, 3])
})

test('a batch that was refused is dropped, and not sent again; the next one counts it, and carries its work and what it counted', async () => {
  let refuses = true
  const { clock, work, record, batches } = setUp(async () => {
    if (refuses) throw new Error('the origin sheds')
  })
  work.observe({ type: 'loaded', keys: 1, tookMs: 1, alone: false })
  record(BATCH)
  await clock.idle()
  record(BATCH)
  await clock.idle()
  refuses = false
  record(1)
  await clock.advance(DELAY_MS)
  const [, , third = [], ...more] = batches
  expect(more).toEqual([])
  expect(third).toHaveLength(1)
  expect(sumOf(third, 'dropped')).toBe(2 * BATCH)
  expect(sumOf(third, 'loads')).toBe(1)
})

test('a timer whose request was ended is taken over by the next request', async () => {
  const clock = createVirtualClock()
  const batches: number[] = []
  let ended = true
  const sink = createOriginSink({
    post: async (points) => void batches.push(points.length),
    work: createWork(),
    // The first request's timer never rings: the runtime has ended that request.
    clock: { nowMs: clock.nowMs, sleep: (ms) => (ended ? new Promise(() => {}) : clock.sleep(ms)) },
    batchSize: BATCH,
    delayMs: DELAY_MS,
    lostAfterMs: LOST_AFTER_MS,
  })
  sink(requestEvent(clock.nowMs()), () => {})
  ended = false
  await clock.advance(DELAY_MS)
  sink(requestEvent(clock.nowMs()), () => {})
  await clock.advance(2 * DELAY_MS)
  expect(batches).toEqual([])
  sink(requestEvent(clock.nowMs()), () => {})
  await clock.advance(DELAY_MS)
  expect(batches).toEqual([3])
})

test('Analytics Engine gets one point per request, indexed by route, with the work since the one before', () => {
  const written: { indexes: string[]; blobs: string[]; doubles: number[] }[] = []
  const work = createWork()
  const sink = createEngineSink({ writeDataPoint: (point) => void written.push(point) }, work)
  for (const loads of [1, 0, 2]) {
    for (let i = 0; i < loads; i++) work.observe({ type: 'loaded', keys: 1, tookMs: 1, alone: false })
    sink(requestEvent(0), () => {})
  }
  expect(written.map(({ doubles }) => doubles[doubleOf('loads')])).toEqual([1, 0, 2])
  for (const { indexes, blobs } of written) {
    expect(indexes).toEqual(['/v1/posts/:id'])
    expect(blobs).toEqual(['/v1/posts/:id', 'GET', '2xx', 'memory', '', ''])
  }
})

test('a sink that throws harms neither the others nor the request, and counts as a lost point', () => {
  const work = createWork()
  let heard = 0
  work.observe({ type: 'loaded', keys: 1, tookMs: 1, alone: false })
  const broken = createEngineSink(
    {
      writeDataPoint() {
        throw new Error('no room')
      },
    },
    work,
  )
  const sink = allOf([broken, () => void heard++], () => work.add({ dropped: 1 }))
  expect(() => sink(requestEvent(0), () => {})).not.toThrow()
  expect(heard).toBe(1)
  expect(work.take()).toMatchObject({ dropped: 1, loads: 1 })
})
