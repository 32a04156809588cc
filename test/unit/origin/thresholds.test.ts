import { expect, test } from 'vitest'
import { parseConfig } from '../../../origin/config.ts'
import { contradictionsIn, TUNABLE, thresholdsOf } from '../../../origin/thresholds.ts'

const env = {
  DATABASE_URL: 'postgres://localhost/none',
  UPSTASH_REDIS_REST_URL: 'http://localhost',
  UPSTASH_REDIS_REST_TOKEN: 'x',
  EDGE_SECRET: 'x'.repeat(16),
}
const of = (variables: Record<string, string>, tuned: Record<string, string> = {}) =>
  thresholdsOf(parseConfig({ ...env, ...variables }), tuned)

test('what is tuned comes before the environment, and that before the default', () => {
  expect(of({}).settings.CROWD_THRESHOLD).toEqual({ value: 10_000, from: 'default', configured: 10_000 })
  expect(of({ CROWD_THRESHOLD: '500' }).settings.CROWD_THRESHOLD).toEqual({ value: 500, from: 'environment', configured: 500 })
  expect(of({ CROWD_THRESHOLD: '500' }, { CROWD_THRESHOLD: '700' }).settings.CROWD_THRESHOLD).toEqual({
    value: 700,
    from: 'tuned',
    configured: 500,
  })
})

test('the floor follows the threshold, tuned or not, unless somebody said otherwise', () => {
  expect(of({ CROWD_THRESHOLD: '402' }).thresholds.CROWD_FLOOR).toBe(101)
  expect(of({ CROWD_THRESHOLD: '402' }, { CROWD_THRESHOLD: '40' }).settings.CROWD_FLOOR).toEqual({
    value: 10,
    from: 'default',
    configured: null,
  })
  expect(of({ CROWD_FLOOR: '7' }, { CROWD_THRESHOLD: '40' }).thresholds.CROWD_FLOOR).toBe(7)
})

test('a setting that does not parse, or that nobody knows, changes nothing and is told', () => {
  const bad = {
    CROWD_THRESHOLD: 'many',
    CROWD_LEAVE_SHARE: '1.5',
    LAG_HIGH_MS: '',
    DATABASE_URL: 'postgres://elsewhere',
    BIG_LANE_FOLLOWERS: '9e99',
  }
  const { thresholds, refused } = of({ LAG_HIGH_MS: '50' }, bad)
  expect(thresholds).toEqual(of({ LAG_HIGH_MS: '50' }).thresholds)
  expect(Object.keys(refused).sort()).toEqual(Object.keys(bad).sort())
})

test('the defaults do not contradict each other; a floor above the threshold does, and a low mark above the high one', () => {
  const { thresholds } = of({})
  expect(contradictionsIn(thresholds)).toEqual([])
  expect(contradictionsIn({ ...thresholds, CROWD_FLOOR: 2_000_000, LAG_LOW_MS: 20_000 })).toHaveLength(2)
})

test('no life that readers hold to can be tuned', () => {
  expect(TUNABLE.filter((name) => /LIFE|ANNOUNCE/.test(name))).toEqual([])
})
