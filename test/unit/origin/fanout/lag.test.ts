import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CrowdShare } from '../../../../origin/db/lag.ts'
import { type LagRules, nextShare } from '../../../../origin/fanout/lag.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const RULES: LagRules = { highMs: 10_000, lowMs: 5_000, stepMs: 30_000, calmMs: 300_000 }
const AT_REST: CrowdShare = { share: 1, judgedAtMs: Number.NEGATIVE_INFINITY, judgedLagMs: 0, calmSinceMs: null }

test('however lag goes: a step at a time, down only while it is high, up only after calm, never below what is allowed', () => {
  const moments = fc.array(
    fc.record({
      passedMs: fc.constantFrom(1_000, 10_000, 29_999, 30_000, 60_000, 400_000),
      lagMs: fc.constantFrom(0, 4_999, 5_000, 10_000, 10_001, 1e9),
      leastShare: fc.constantFrom(0.01, 0.2, 0.3, 1),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(moments, (story) => {
      let state = AT_REST
      let nowMs = 1_763_700_000_000
      let changedAtMs = Number.NEGATIVE_INFINITY
      let calmSinceMs: number | undefined
      let highSinceMs: number | undefined
      for (const { passedMs, lagMs, leastShare } of story) {
        nowMs += passedMs
        calmSinceMs = lagMs < RULES.lowMs ? (calmSinceMs ?? nowMs) : undefined
        const next = nextShare(state, { nowMs, lagMs, leastShare }, RULES)
        expect(next.share).toBeLessThanOrEqual(1)
        if (next.share !== state.share) {
          expect(nowMs - changedAtMs).toBeGreaterThanOrEqual(RULES.stepMs)
          expect(next.share / state.share).toBeGreaterThanOrEqual(0.5)
          expect(next.share / state.share).toBeLessThanOrEqual(2)
          changedAtMs = nowMs
        }
        highSinceMs = lagMs > RULES.highMs ? (highSinceMs ?? nowMs) : undefined
        if (next.share < state.share) {
          if (state.share === 1) expect(nowMs - (highSinceMs ?? nowMs)).toBeGreaterThanOrEqual(RULES.stepMs / 2)
          expect(lagMs).toBeGreaterThan(RULES.highMs)
          expect(next.share).toBeGreaterThanOrEqual(leastShare)
        }
        if (next.share > state.share) {
          expect(nowMs - (calmSinceMs ?? nowMs)).toBeGreaterThanOrEqual(RULES.calmMs)
          calmSinceMs = nowMs // the next step wants a calm of its own
        }
        state = next
      }
    }),
    { seed: SEED, numRuns: 500 },
  )
})

/**
 * An evening, second by second: authors of 400,000 to 900,000 followers post each minute, and a lane writes 100,000 entries a second. From the first minute
 * to the thirtieth they post twice as often, which is 1.3 times as much as it writes. Answers the thresholds that were in force, the most lag, and how often an author came or went.
 */
function evening(rules: LagRules, { holdMs = 24 * 3_600_000, least = 0.25 } = {}) {
  const ANNOUNCE_MS = 15_000
  const authors = [4, 5, 6, 7, 8, 9].map((size) => ({ followers: size * 100_000, announcedAtMs: Number.POSITIVE_INFINITY }))
  const queue: { readonly queuedAtMs: number; entries: number }[] = []
  const shares = [1]
  let [state, worstMs, changes] = [AT_REST, 0, 0]
  for (let nowMs = 0; nowMs < 3 * 3_600_000; nowMs += 1_000) {
    const busy = nowMs > 60_000 && nowMs < 30 * 60_000
    authors.forEach((author, i) => {
      const pulled = nowMs - author.announcedAtMs >= ANNOUNCE_MS
      if (!pulled && nowMs % (busy ? 30_000 : 60_000) === 1_000 * i) queue.push({ queuedAtMs: nowMs, entries: author.followers })
    })
    for (let room = 100_000; room > 0 && queue[0]; ) {
      const cut = Math.min(room, queue[0].entries)
      room -= cut
      queue[0].entries -= cut
      if (queue[0].entries === 0) queue.shift()
    }
    const lagMs = queue[0] ? nowMs - queue[0].queuedAtMs : 0
    worstMs = Math.max(worstMs, lagMs)
    state = nextShare(state, { nowMs, lagMs, leastShare: least }, rules)
    if (state.share !== shares.at(-1)) shares.push(state.share)
    const threshold = 1_000_000 * state.share
    for (const author of authors) {
      const inCrowd = Number.isFinite(author.announcedAtMs)
      if (!inCrowd && author.followers >= threshold) [author.announcedAtMs, changes] = [nowMs, changes + 1]
      if (inCrowd && author.followers < 0.8 * threshold && nowMs - author.announcedAtMs >= holdMs) {
        ;[author.announcedAtMs, changes] = [Number.POSITIVE_INFINITY, changes + 1]
      }
    }
  }
  return { shares, worstMs, changes, lagMs: queue[0] ? Number.POSITIVE_INFINITY : 0 }
}

test('a backlog that shrinks, as after an outage, does not lower the threshold; one that does not, at each step', () => {
  const after = (share: number, growth: number) => {
    let state = { ...AT_REST, share }
    for (let [nowMs, lagMs] = [0, 3_600_000]; nowMs < 120_000; nowMs += 1_000, lagMs *= growth) {
      state = nextShare(state, { nowMs, lagMs, leastShare: 0.01 }, RULES)
    }
    return state.share
  }
  expect(after(1, 0.99)).toBe(1)
  expect(after(1, 1)).toBe(1 / 16)
})

test('an evening with too many big posts: the threshold falls once, lag goes, the threshold returns, and nobody comes and goes', () => {
  const { shares, worstMs, changes, lagMs } = evening(RULES)
  expect(shares).toEqual([1, 0.5, 1])
  expect(changes).toBe(5)
  expect(lagMs).toBe(0)
  expect(worstMs).toBeLessThan(60_000)
})

test('negative twin: were the threshold not to fall, lag would grow by the minute', () => {
  expect(evening(RULES, { least: 1 }).worstMs).toBeGreaterThan(300_000)
})

test('negative twin: without the two marks, the calm and the hold, the same evening flaps', () => {
  const { shares, changes } = evening({ highMs: 10_000, lowMs: 10_000, stepMs: 1_000, calmMs: 0 }, { holdMs: 0 })
  expect(shares.length).toBeGreaterThan(20)
  expect(changes).toBeGreaterThan(50)
})
