import fc from 'fast-check'
import { expect, test } from 'vitest'
import { binOf, LONGEST_MS, quantileOf } from '../../../../origin/db/histogram.ts'

const anyLatency = fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: LONGEST_MS }), fc.double({ min: 1, max: LONGEST_MS, noNaN: true }))

test('a quantile read from the bins is within 5 % of the exact one', () => {
  fc.assert(
    fc.property(fc.array(anyLatency, { minLength: 1, maxLength: 200 }), fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (latencies, q) => {
      const counts: number[] = Array.from({ length: binOf(LONGEST_MS) + 1 }, () => 0)
      for (const ms of latencies) counts[binOf(ms)] = (counts[binOf(ms)] ?? 0) + 1
      const sorted = latencies.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? Number.NaN
      if (exact < 1) expect(quantileOf(counts, q)).toBe(0)
      else expect(Math.abs(quantileOf(counts, q) - exact) / exact).toBeLessThan(0.05)
    }),
  )
})

test('bins grow with the latency, and the longest has the last', () => {
  fc.assert(fc.property(anyLatency, anyLatency, (a, b) => void expect(binOf(Math.min(a, b))).toBeLessThanOrEqual(binOf(Math.max(a, b)))))
  expect(binOf(10 * LONGEST_MS)).toBe(binOf(LONGEST_MS))
  expect(binOf(0)).toBe(0)
  expect(quantileOf([], 0.5)).toBe(0)
})
