import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mulberry32 } from '../../../../dev/random.ts'
import { arrivals, drawer, sample } from '../../../../dev/simulate/chance.ts'

const seeds = fc.nat(2 ** 32 - 1)

test('a draw lands where a plain walk along the weights lands', () => {
  const weights = fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }).filter((some) => some.some((weight) => weight > 0))
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (some, u) => {
      let left = u * some.reduce((sum, weight) => sum + weight, 0)
      const walked = some.findIndex((weight) => {
        left -= weight
        return left < 0
      })
      expect(drawer(some)(u)).toBe(walked)
    }),
  )
})

test('a sample holds items of the list, each once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat()), fc.nat(50), seeds, (items, count, seed) => {
      const drawn = sample(items, count, mulberry32(seed))
      expect(drawn).toHaveLength(Math.min(count, items.length))
      expect(new Set(drawn).size).toBe(drawn.length)
      for (const item of drawn) expect(items).toContain(item)
    }),
  )
})

test('arrivals are denser where the rate is higher', () => {
  const at = [...arrivals(10, (moment) => (moment < 500 ? 0.2 : 1), 1_000, mulberry32(3))]
  const early = at.filter((moment) => moment < 500).length
  expect(Math.abs(early - 1_000)).toBeLessThan(160) // five standard deviations
  expect(Math.abs(at.length - early - 5_000)).toBeLessThan(360)
})
