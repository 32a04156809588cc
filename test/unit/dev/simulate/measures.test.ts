import fc from 'fast-check'
import { expect, test } from 'vitest'
import { differencePoints } from '../../../../dev/simulate/agreement.ts'
import { differenceOf } from '../../../../dev/simulate/check.ts'
import { countOriginWaits, parseCacheStatus, sharesOf } from '../../../../dev/simulate/layers.ts'
import { type Answered, createMeasures, type Kind } from '../../../../dev/simulate/measures.ts'
import { createSlots } from '../../../../dev/simulate/slots.ts'
import { delaysOf } from '../../../../dev/simulate/summary.ts'
import { cacheStatus, createTally, serverTiming } from '../../../../worker/http/tally.ts'

const answered = (kind: Kind, rest: Partial<Answered> = {}): Answered => ({
  kind,
  atMs: 0,
  tookMs: 1,
  degraded: [],
  originWaits: 0,
  ...rest,
})

test('what the worker writes in its headers is what is read from them', () => {
  const tally = createTally()
  for (const layer of ['memory', 'memory', 'shared', 'origin'] as const) {
    tally.observe({ type: 'answered', key: 'po:1:public', layer, freshness: 'fresh', collapsed: false, unverified: false, verifiedAtMs: 0 })
  }
  for (const layer of ['shared', 'origin', 'origin'] as const) tally.waited({ layer, keys: 2, startedAtMs: 1, tookMs: 3 })
  expect(parseCacheStatus(cacheStatus(tally))).toEqual({ memory: 2, shared: 1, origin: 1 })
  expect(countOriginWaits(serverTiming(tally, 0, 10))).toBe(2)
  expect(parseCacheStatus('other; hit')).toBeUndefined()
  expect(parseCacheStatus(null)).toBeUndefined()
  expect(countOriginWaits(null)).toBe(0)
})

test('percentiles are those of the sorted latencies, within a hundredth', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 9_000, noNaN: true }), { minLength: 1, maxLength: 300, size: 'max' }), (latencies) => {
      const measures = createMeasures(1_000)
      for (const tookMs of latencies) measures.note(answered('open', { tookMs }))
      const sorted = latencies.toSorted((a, b) => a - b)
      const exact = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
      const { latency } = measures.of()
      for (const [found, share] of [
        [latency?.p50Ms, 0.5],
        [latency?.p99Ms, 0.99],
        [latency?.maxMs, 1],
      ] as const) {
        expect(Math.abs((found ?? Number.NaN) - exact(share))).toBeLessThanOrEqual(0.01 * exact(share) + 0.001)
      }
    }),
  )
})

test('requests are counted by kind, and the picture shows those of readers only', () => {
  const measures = createMeasures(1_000)
  const layers = { memory: 3, shared: 1, origin: 0 }
  measures.note(answered('open', { layers, atMs: 500 }))
  measures.note(answered('refresh', { layers: { memory: 0, shared: 0, origin: 4 }, originWaits: 1, atMs: 1_500 }))
  measures.note(answered('write', { atMs: 1_600 }))
  measures.note(answered('probe', { layers, atMs: 2_500 }))
  measures.note(answered('post', { atMs: 3_500 }))
  expect(measures.of(['open', 'refresh'])).toMatchObject({ requests: 2, originWaits: 1, layers: { memory: 3, shared: 1, origin: 4 } })
  expect(measures.of().requests).toBe(5)
  expect(measures.intervals().map(({ atS, reads, writes }) => [atS, reads, writes])).toEqual([
    [0, 1, 0],
    [1, 1, 1],
    [2, 0, 0],
    [3, 1, 0],
  ])
})

test('a post that was deleted meanwhile is no error, anything else is', () => {
  const measures = createMeasures(1_000)
  for (const problem of ['gone', 'overloaded', 'overloaded', 'no connection']) measures.note(answered('post', { problem }))
  expect(measures.problems()).toEqual({ gone: 1, 'no connection': 1, overloaded: 2 })
  expect(measures.errors()).toBe(3)
})

test('delays tell what was late and what was never seen', () => {
  const seen = [100, 200, 300, 6_000].map((seenAfterMs) => ({ postId: '1', postedAtS: 0, seenAfterMs }))
  const delays = delaysOf([...seen, { postId: '2', postedAtS: 1, seenAfterMs: undefined }])
  expect(delays).toEqual({ posts: 5, p50Ms: 200, p99Ms: 6_000, maxMs: 6_000, beyondPromise: 1, unseen: 1 })
  expect(delaysOf([])).toMatchObject({ posts: 0, p50Ms: undefined, maxMs: undefined })
})

test('shares and their differences are in points of a hundred', () => {
  expect(sharesOf({ memory: 0, shared: 0, origin: 0 })).toEqual({ memory: 0, shared: 0, origin: 0 })
  expect(differencePoints({ memory: 60, shared: 30, origin: 10 }, { memory: 1_190, shared: 610, origin: 200 })).toBeCloseTo(0.5, 9)
})

test('the first line in which two feeds part is found, also where one is longer', () => {
  const feed = [
    ['3', '3'],
    ['2', '1'],
    ['1', '1'],
  ] as const
  expect(differenceOf('r', feed, feed)).toBeUndefined()
  expect(differenceOf('r', feed, feed.slice(0, 2))).toEqual({ reader: 'r', line: 2, expected: '1 shows 1', seen: 'nothing' })
  expect(differenceOf('r', feed.slice(1), feed)).toEqual({ reader: 'r', line: 0, expected: '2 shows 1', seen: '3 shows 3' })
})

test('places are never more than there are, each is given on, and who finds none gives up', async () => {
  const slots = createSlots(2, 60_000)
  let held = 0
  let most = 0
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      expect(await slots.take()).toBeDefined()
      held += 1
      most = Math.max(most, held)
      await Promise.resolve()
      held -= 1
      slots.give()
    }),
  )
  expect(most).toBe(2)
  const impatient = createSlots(1, 1)
  await impatient.take()
  expect(await impatient.take()).toBeUndefined()
  impatient.give()
  expect(await impatient.take()).toBe(0)
})
