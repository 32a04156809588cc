import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runInPlaces } from '../../../bench/cache/places.ts'
import { median, quantile, spreadOf, zipfRanks } from '../../../bench/cache/statistics.ts'
import { figure, spreadText } from '../../../bench/cache/tables.ts'
import { mulberry32 } from '../../../dev/random.ts'

test('the median is the middle, or between the middle two', () => {
  expect(median([5, 1, 9])).toBe(5)
  expect(median([4, 1, 2, 10])).toBe(3)
  expect(median([7])).toBe(7)
  expect(median([])).toBeNaN()
})

test('a quantile is a value that was seen', () => {
  const values = Array.from({ length: 100 }, (_, i) => 99 - i)
  expect(quantile(values, 0.5)).toBe(50)
  expect(quantile(values, 0.99)).toBe(99)
  expect(quantile(values, 1)).toBe(99)
  expect(quantile([], 0.5)).toBeNaN()
})

test('a spread leaves out runs that gave nothing', () => {
  expect(spreadOf([3, Number.NaN, 1])).toEqual({ median: 2, min: 1, max: 3, runs: [3, 1] })
})

test("ranks follow Zipf's law, and the same chance gives the same ranks", () => {
  const ranks = zipfRanks(1_000, 0.99, 100_000, mulberry32(1))
  const counts = new Map<number, number>()
  for (const rank of ranks) counts.set(rank, (counts.get(rank) ?? 0) + 1)
  expect((counts.get(0) ?? 0) / (counts.get(9) ?? 1)).toBeCloseTo(10 ** 0.99, -1)
  expect(Math.max(...ranks)).toBeLessThan(1_000)
  expect(zipfRanks(1_000, 0.99, 100_000, mulberry32(1))).toEqual(ranks)
})

test('figures have three digits', () => {
  expect([0, 0.0042, 0.5, 1.234, 63.21, 1234.5, Number.NaN, Number.POSITIVE_INFINITY].map(figure)).toEqual([
    '0',
    '0.0042',
    '0.5',
    '1.23',
    '63.2',
    '1,235',
    '–',
    '∞',
  ])
  expect(spreadText(spreadOf([1, 1, 1]))).toBe('1')
  expect(spreadText(spreadOf([1, 2, 4]), ' ms')).toBe('2 ms (1..4)')
})

test('jobs never take more places than there are', async () => {
  let [taken, most] = [0, 0]
  const done: number[] = []
  const job = (weight: number) => ({
    weight,
    async run() {
      taken += weight
      most = Math.max(most, taken)
      await sleep(1)
      taken -= weight
      done.push(weight)
    },
  })
  await runInPlaces([3, 3, 1, 6, 2, 4].map(job), 6)
  expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 3, 4, 6])
  expect(most).toBe(6)
})
