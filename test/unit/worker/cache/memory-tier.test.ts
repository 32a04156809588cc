import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Held } from '../../../../worker/cache/entry.ts'
import { createMemoryTier } from '../../../../worker/cache/memory-tier.ts'
import { createMapWeight, textBytes } from '../../../../worker/cache/weigh.ts'

const OVERHEAD_BYTES = 264
const weightOf = (key: string, valueBytes: number) => valueBytes + textBytes(key) + OVERHEAD_BYTES
/** What the map of so many entries weighs where none was ever deleted. */
function placesFor(entries: number): number {
  const places = createMapWeight()
  for (let i = 0; i < entries; i++) places.added()
  return places.bytes
}
/** A budget that so many entries fill. */
const budgetFor = (entries: number, weight: number) => entries * weight + placesFor(entries)
const heldOf = (value: unknown): Held<unknown> => ({
  value,
  life: { softExpiresAtMs: 0, hardExpiresAtMs: 0, graceEndsAtMs: 0, deltaMs: 0 },
  truth: 1,
  stamp: 1,
  verifiedAtMs: 0,
  quietUntilMs: 0,
})

type Step = { readonly does: 'get' | 'set' | 'delete' | 'clear'; readonly key: string; readonly bytes: number }
const anyStep: fc.Arbitrary<Step> = fc.record({
  does: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom('get' as const, 'set' as const, 'set' as const, 'delete' as const) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  ),
  key: fc.nat({ max: 120 }).map((n) => `k${n}`),
  bytes: fc.integer({ min: 0, max: 800 }),
})

test('whatever happens, it holds no more than its budget, knows what it weighs, and answers only what was put last', () =>
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300 }), fc.integer({ min: 25_600, max: 64_000 }), (steps, maxBytes) => {
      const tier = createMemoryTier(maxBytes)
      const put = new Map<string, { readonly held: Held<unknown>; readonly bytes: number }>()
      for (const { does, key, bytes } of steps) {
        if (does === 'get') {
          const held = tier.get(key)
          if (held) expect(held).toMatchObject({ ...put.get(key)?.held })
        } else if (does === 'delete') {
          tier.delete(key)
          put.delete(key)
          expect(tier.get(key)).toBeUndefined()
        } else if (does === 'clear') {
          tier.clear()
          put.clear()
          expect(tier.size).toBe(0)
        } else {
          const held = heldOf(bytes)
          tier.set(key, held, bytes)
          if (weightOf(key, bytes) > maxBytes / 64) put.delete(key)
          else {
            put.set(key, { held, bytes })
            expect(tier.get(key)).toMatchObject({ ...held })
          }
        }
        expect(tier.bytes).toBeLessThanOrEqual(maxBytes)
      }
      const kept = [...put].filter(([key]) => tier.get(key))
      expect(tier.size).toBe(kept.length)
      const entryBytes = kept.reduce((sum, [key, { bytes }]) => sum + weightOf(key, bytes), 0)
      expect(tier.bytes - entryBytes).toBeGreaterThanOrEqual(28 * kept.length)
      expect(tier.bytes - entryBytes).toBeLessThanOrEqual(placesFor(120))
    }),
  ))

test('it fills up: nothing is evicted while there is room', () => {
  const weight = weightOf('k00', 200)
  const tier = createMemoryTier(budgetFor(100, weight))
  for (let i = 0; i < 100; i++) tier.set(`k${String(i).padStart(2, '0')}`, heldOf(i), 200)
  expect([tier.size, tier.bytes]).toEqual([100, budgetFor(100, weight)])
  tier.set('new', heldOf('new'), 200)
  expect(tier.size).toBe(100)
  expect(tier.get('k00')).toBeUndefined() // the oldest, since nothing was visited
})

test('SIEVE keeps what is visited through a scan of what is read once', () => {
  const weight = weightOf('hot-00', 200)
  const tier = createMemoryTier(budgetFor(100, weight))
  const hot = Array.from({ length: 50 }, (_, i) => `hot-${String(i).padStart(2, '0')}`)
  for (const key of hot) tier.set(key, heldOf(key), 200)
  for (let i = 0; i < 1_000; i++) {
    if (i % 20 === 0) for (const key of hot) tier.get(key)
    tier.set(`c-${String(i).padStart(4, '0')}`, heldOf(i), 200)
  }
  expect(hot.filter((key) => tier.get(key))).toEqual(hot)
})

test('a scan evicts what nobody visits: without visits the hot keys are lost', () => {
  const tier = createMemoryTier(budgetFor(100, weightOf('hot-00', 200)))
  for (let i = 0; i < 50; i++) tier.set(`hot-${i}`, heldOf(i), 200)
  for (let i = 0; i < 1_000; i++) tier.set(`c-${i}`, heldOf(i), 200)
  expect(Array.from({ length: 50 }, (_, i) => tier.get(`hot-${i}`)).filter(Boolean)).toEqual([])
})

test('a value of more than a 64th of the budget is refused, and takes the older one of its key along', () => {
  const tier = createMemoryTier(64_000)
  const fits = 1_000 - weightOf('k', 0)
  tier.set('k', heldOf('small'), fits)
  expect(tier.get('k')?.value).toBe('small')
  tier.set('k', heldOf('large'), fits + 1)
  expect(tier.get('k')).toBeUndefined()
  expect([tier.size, tier.bytes]).toEqual([0, placesFor(0)])
})

test('a value that is replaced weighs what it weighs now', () => {
  const tier = createMemoryTier(64_000)
  tier.set('k', heldOf(1), 100)
  tier.set('k', heldOf(2), 500)
  expect(tier.bytes).toBe(budgetFor(1, weightOf('k', 500)))
  tier.set('k', heldOf(3), 0)
  expect([tier.bytes, tier.size, tier.get('k')?.value]).toEqual([budgetFor(1, weightOf('k', 0)), 1, 3])
})

test('a value that outgrows its predecessor makes room for itself', () => {
  const tier = createMemoryTier(budgetFor(100, weightOf('k00', 200)))
  for (let i = 0; i < 100; i++) tier.set(`k${String(i).padStart(2, '0')}`, heldOf(i), 200)
  tier.set('k99', heldOf('larger'), 400)
  expect(tier.bytes).toBeLessThanOrEqual(budgetFor(100, weightOf('k00', 200)))
  expect([tier.size, tier.get('k99')?.value, tier.get('k00')]).toEqual([99, 'larger', undefined])
})

test('cleared, it holds nothing and weighs nothing but an empty map, and fills again', () => {
  const weight = weightOf('k00', 200)
  const tier = createMemoryTier(budgetFor(100, weight))
  const fill = () => {
    for (let i = 0; i < 150; i++) tier.set(`k${String(i).padStart(3, '0')}`, heldOf(i), 200)
  }
  fill()
  tier.clear()
  expect([tier.size, tier.bytes, tier.get('k149')]).toEqual([0, placesFor(0), undefined])
  fill()
  expect(tier.get('k149')?.value).toBe(149)
  expect(tier.bytes).toBeLessThanOrEqual(budgetFor(100, weight))
})

test('a weight that is no number keeps the value out, and the count right', () => {
  const tier = createMemoryTier(64 * 1024)
  tier.set('k', heldOf(1), Number.NaN)
  tier.set('l', heldOf(2), -1)
  expect([tier.size, tier.get('k')]).toEqual([0, undefined])
  for (let i = 0; i < 1_000; i++) tier.set(`k${i}`, heldOf(i), 200)
  expect(tier.bytes).toBeLessThanOrEqual(64 * 1024)
})

test('what was handed out says when memory has let go of it: replaced, deleted, evicted or cleared', () => {
  const tier = createMemoryTier(64 * 1024)
  const put = (key: string) => {
    tier.set(key, heldOf(key), 500)
    return tier.get(key)
  }
  const [kept, replaced, deleted] = [put('kept'), put('replaced'), put('deleted')]
  put('replaced')
  tier.delete('deleted')
  expect([kept, replaced, deleted].map((one) => one?.gone)).toEqual([false, true, true])
  for (let i = 0; i < 1_000; i++) put(`k${i}`)
  const last = tier.get('k999')
  expect([tier.get('k0'), last?.gone]).toEqual([undefined, false])
  tier.clear()
  expect(last?.gone).toBe(true)
})
