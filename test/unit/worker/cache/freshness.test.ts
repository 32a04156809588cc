import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Lifetime, Lifetimes } from '../../../../worker/cache/entry.ts'
import { freshnessAt, lifetimeFrom } from '../../../../worker/cache/freshness.ts'
import { mulberry32 } from '../../../support/random.ts'

const LIFE: Lifetime = { softExpiresAtMs: 1_000, hardExpiresAtMs: 2_000, graceEndsAtMs: 3_000, deltaMs: 100 }

describe('the five words', () => {
  test.each([
    [0, 'fresh'],
    [999, 'fresh'],
    [1_000, 'stale'],
    [1_999, 'stale'],
    [2_000, 'grace'],
    [2_999, 'grace'],
    [3_000, 'dead'],
    [9_999, 'dead'],
  ] as const)('without eagerness a value is at %i ms %s', (nowMs, word) => {
    expect(freshnessAt(LIFE, nowMs, 1, 0)).toBe(word)
    expect(freshnessAt(LIFE, nowMs, 1e-300, 0)).toBe(word)
    expect(freshnessAt(LIFE, nowMs, 1, 1)).toBe(word)
  })

  test('only a fresh value can be early: what has expired is called by its name, however eager', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000 }),
        fc.double({ min: 1e-300, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (nowMs, u, beta) => {
          const word = freshnessAt(LIFE, nowMs, u, beta)
          const plain = freshnessAt(LIFE, nowMs, 1, 0)
          if (word !== plain) expect([plain, word]).toEqual(['fresh', 'early'])
        },
      ),
    ))

  test('without a soft life, a hard life or grace the words in between fall away', () => {
    const short = { softExpiresAtMs: 1_000, hardExpiresAtMs: 1_000, graceEndsAtMs: 1_000, deltaMs: 0 }
    expect(freshnessAt(short, 999, 0.5, 1)).toBe('fresh')
    expect(freshnessAt(short, 1_000, 0.5, 1)).toBe('dead')
  })
})

describe('early is X-Fetch', () => {
  test('its share of readers is exp(-left / (delta · beta))', () => {
    const random = mulberry32(20_261_121)
    const readers = 20_000
    for (const [leftMs, deltaMs, beta] of [
      [50, 100, 1],
      [100, 100, 1],
      [300, 100, 1],
      [100, 100, 2],
      [100, 25, 1],
    ] as const) {
      let early = 0
      for (let i = 0; i < readers; i++)
        if (freshnessAt({ ...LIFE, deltaMs }, LIFE.softExpiresAtMs - leftMs, 1 - random(), beta) === 'early') early++
      const share = Math.exp(-leftMs / (deltaMs * beta))
      const deviation = Math.sqrt((share * (1 - share)) / readers)
      expect(Math.abs(early / readers - share), `${leftMs} ms left`).toBeLessThan(5 * deviation)
    }
  })

  test('the boundary is exact: at u = exp(-left / (delta · beta)) a reader volunteers, a hair above he does not', () => {
    const u = Math.exp(-300 / 100)
    expect(freshnessAt(LIFE, 700, u - 1e-12, 1)).toBe('early')
    expect(freshnessAt(LIFE, 700, u + 1e-12, 1)).toBe('fresh')
  })

  test('who volunteers would also have with a smaller u, later, or more eagerly', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 998 }), fc.double({ min: 1e-9, max: 1, noNaN: true }), (nowMs, u) => {
        if (freshnessAt(LIFE, nowMs, u, 1) !== 'early') return
        expect(freshnessAt(LIFE, nowMs, u / 2, 1)).toBe('early')
        expect(freshnessAt(LIFE, nowMs + 1, u, 1)).toBe('early')
        expect(freshnessAt(LIFE, nowMs, u, 2)).toBe('early')
      }),
    ))
})

describe('lifetimes', () => {
  const anyLifetimes: fc.Arbitrary<Lifetimes> = fc
    .tuple(fc.integer({ min: 1, max: 1e8 }), fc.nat({ max: 1e8 }), fc.nat({ max: 1e8 }), fc.integer({ min: 1, max: 1e6 }))
    .map(([softMs, more, graceMs, absentMs]) => ({ softMs, hardMs: softMs + more, graceMs, absentMs }))
  const startedAtMs = 1_763_700_000_000
  const anyU = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  test('no bound that is stated is passed, counted from the start of the load', () =>
    fc.assert(
      fc.property(anyLifetimes, fc.nat({ max: 100_000 }), anyU, (ttl, tookMs, u) => {
        const life = lifetimeFrom(ttl, false, startedAtMs, tookMs, u)
        expect(life.softExpiresAtMs).toBeLessThanOrEqual(startedAtMs + ttl.softMs)
        expect(life.hardExpiresAtMs).toBeLessThanOrEqual(startedAtMs + ttl.hardMs)
        expect(life.graceEndsAtMs).toBeLessThanOrEqual(startedAtMs + ttl.hardMs + ttl.graceMs)
        const absent = lifetimeFrom(ttl, true, startedAtMs, tookMs, u)
        for (const endMs of [absent.softExpiresAtMs, absent.hardExpiresAtMs, absent.graceEndsAtMs])
          expect(endMs).toBeLessThanOrEqual(startedAtMs + ttl.absentMs)
      }),
    ))

  test('soft comes before hard, hard before grace, all in whole milliseconds, and at least nine tenths of what is stated', () =>
    fc.assert(
      fc.property(anyLifetimes, fc.nat({ max: 100_000 }), anyU, fc.boolean(), (ttl, tookMs, u, absent) => {
        const life = lifetimeFrom(ttl, absent, startedAtMs, tookMs, u)
        expect(life.softExpiresAtMs).toBeLessThanOrEqual(life.hardExpiresAtMs)
        expect(life.hardExpiresAtMs).toBeLessThanOrEqual(life.graceEndsAtMs)
        expect(Object.values(life).every(Number.isInteger)).toBe(true)
        expect(life.softExpiresAtMs).toBeGreaterThanOrEqual(startedAtMs + Math.floor(0.9 * (absent ? ttl.absentMs : ttl.softMs)))
      }),
    ))

  test('delta is what the load took, capped at a quarter of the soft life', () => {
    const ttl = { softMs: 1_000, hardMs: 2_000, graceMs: 0, absentMs: 100 }
    expect(lifetimeFrom(ttl, false, startedAtMs, 40, 0.5).deltaMs).toBe(40)
    expect(lifetimeFrom(ttl, false, startedAtMs, 250, 0.5).deltaMs).toBe(250)
    expect(lifetimeFrom(ttl, false, startedAtMs, 2_000, 0.5).deltaMs).toBe(250)
  })

  test('an absence has one end for all, and nobody volunteers for it', () => {
    const ttl = { softMs: 1_000, hardMs: 2_000, graceMs: 9_000, absentMs: 100 }
    const endMs = startedAtMs + 100
    expect(lifetimeFrom(ttl, true, startedAtMs, 40, 0)).toEqual({
      softExpiresAtMs: endMs,
      hardExpiresAtMs: endMs,
      graceEndsAtMs: endMs,
      deltaMs: 0,
    })
  })

  test('what was filled together does not expire together', () => {
    const ttl = { softMs: 10_000, hardMs: 20_000, graceMs: 0, absentMs: 100 }
    const random = mulberry32(7)
    const ends = Array.from({ length: 1_000 }, () => lifetimeFrom(ttl, false, startedAtMs, 40, random()).softExpiresAtMs)
    expect(new Set(ends).size).toBeGreaterThan(400)
  })
})
