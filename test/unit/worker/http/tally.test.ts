import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CacheEvent } from '../../../../worker/cache/events.ts'
import { cacheStatus, createTally, serverTiming } from '../../../../worker/http/tally.ts'

const NOW_MS = 1_763_700_000_000
const answered = (layer: 'memory' | 'shared' | 'origin', verifiedAtMs: number): CacheEvent => ({
  type: 'answered',
  key: 'us:1',
  layer,
  freshness: 'fresh',
  collapsed: false,
  unverified: false,
  verifiedAtMs,
})
const waited = (layer: 'shared' | 'origin', keys: number, startedAtMs: number, tookMs: number): CacheEvent => ({
  type: 'waited',
  layer,
  keys,
  startedAtMs,
  tookMs,
})

test('Server-Timing is a waterfall: the whole, then each wait in order with its start', () => {
  const tally = createTally()
  tally.observe(waited('shared', 4, NOW_MS, 2))
  tally.observe(waited('origin', 1, NOW_MS + 2, 5))
  tally.waited({ layer: 'origin', keys: undefined, startedAtMs: NOW_MS + 8, tookMs: 3 })
  expect(serverTiming(tally, NOW_MS, NOW_MS + 12)).toBe(
    'total;dur=12, l2;dur=2;desc="from 0 ms, 4 keys", origin;dur=5;desc="from 2 ms, 1 key", origin;dur=3;desc="from 8 ms, history"',
  )
  expect(tally).toMatchObject({ sharedMs: 2, originMs: 8 })
})

test('what runs behind an answer is counted, and is no wait', () => {
  const tally = createTally()
  tally.observe({ type: 'shared-read', keys: 3, tookMs: 7 })
  tally.observe({ type: 'loaded', keys: 2, tookMs: 9, alone: false })
  expect(serverTiming(tally, NOW_MS, NOW_MS + 1)).toBe('total;dur=1')
  expect(tally).toMatchObject({ sharedMs: 0, originMs: 0, sharedReads: 1, loads: 1 })
})

test('twelve waits at most are told one by one; the sums know them all', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 30 }), (waits) => {
      const tally = createTally()
      for (const tookMs of waits) tally.observe(waited('shared', 1, NOW_MS, tookMs))
      expect(serverTiming(tally, NOW_MS, NOW_MS).split(', l2;')).toHaveLength(1 + Math.min(12, waits.length))
      expect(tally.sharedMs).toBe(waits.reduce((sum, tookMs) => sum + tookMs, 0))
    }),
  )
})

test('an answer is as old as its oldest part', () => {
  const tally = createTally()
  expect(tally.oldestAtMs).toBe(Number.POSITIVE_INFINITY)
  for (const ageMs of [10, 1_900, 0]) tally.observe(answered('memory', NOW_MS - ageMs))
  expect(NOW_MS - tally.oldestAtMs).toBe(1_900)
})

test('Cache-Status names the layer nearest to the origin that was needed', () => {
  const tally = createTally()
  tally.observe(answered('memory', NOW_MS))
  expect(cacheStatus(tally)).toBe('tideline-l1; hit; detail="memory=1 shared=0 origin=0 stale=0"')
  tally.observe(answered('shared', NOW_MS))
  expect(cacheStatus(tally)).toBe('tideline-l2; hit, tideline-l1; fwd=miss; detail="memory=1 shared=1 origin=0 stale=0"')
  tally.observe(answered('origin', NOW_MS))
  expect(cacheStatus(tally)).toBe('tideline-l2; fwd=miss, tideline-l1; fwd=miss; detail="memory=1 shared=1 origin=1 stale=0"')
})
