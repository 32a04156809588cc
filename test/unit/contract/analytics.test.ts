import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  classOf,
  dataPointSchema,
  doubleOf,
  encodePoint,
  KEY_CLASSES,
  MAX_POINTS,
  packCounts,
  unpackCounts,
} from '../../../contract/analytics.ts'
import { keyOf } from '../../../contract/l2/keys.ts'
import { anyCounts, anyPoint } from '../../support/points.ts'

const NOW_MS = 1_763_700_000_000
const ID = '1100000000000000001'
const bytes = (text: string) => new TextEncoder().encode(text).length

test('three counts come out of a double as they went in, and what is too large is cut', () => {
  fc.assert(fc.property(anyCounts, (counts) => void expect(unpackCounts(packCounts(counts))).toEqual(counts)))
  const most = packCounts({ memory: 1e9, shared: 1e9, origin: 1e9 })
  expect(unpackCounts(most)).toEqual({ memory: 99_999, shared: 99_999, origin: 99_999 })
  expect(Number.isSafeInteger(most)).toBe(true)
})

test('a point keeps the limits of Analytics Engine: 20 blobs of 16 KB in all, 20 doubles, an index of 96 bytes', () => {
  fc.assert(
    fc.property(anyPoint(NOW_MS), (point) => {
      const { blobs, doubles } = dataPointSchema.parse(encodePoint(point))
      expect(blobs.length).toBeLessThanOrEqual(20)
      expect(doubles.length).toBeLessThanOrEqual(20)
      expect(bytes(blobs[0])).toBeLessThanOrEqual(96)
      expect(bytes(blobs.join(''))).toBeLessThanOrEqual(16 * 1024)
      expect(doubles[doubleOf('po')]).toBe(packCounts(point.answers.po))
      expect(doubles[doubleOf('dropped')]).toBe(point.measures.dropped)
    }),
  )
})

test('a wait that a clock set back made negative counts as none: the origin would refuse its whole batch', () => {
  const [sample = expect.fail('no sample')] = fc.sample(anyPoint(NOW_MS), { numRuns: 1, seed: 1 })
  const { doubles } = dataPointSchema.parse(encodePoint({ ...sample, measures: { ...sample.measures, totalMs: -5, sharedMs: -1 } }))
  expect([doubles[doubleOf('totalMs')], doubles[doubleOf('sharedMs')]]).toEqual([0, 0])
})

test('the largest batch fits into the body that the origin reads', () => {
  const [sample = expect.fail('no sample')] = fc.sample(anyPoint(NOW_MS), { numRuns: 1, seed: 1 })
  const most = { memory: 99_999, shared: 99_999, origin: 99_999 }
  const answers = Object.fromEntries(KEY_CLASSES.map((keyClass) => [keyClass, most])) as typeof sample.answers
  const measures = Object.fromEntries(Object.keys(sample.measures).map((name) => [name, 12_345])) as typeof sample.measures
  const degraded = ['incomplete', 'l2-unavailable', 'origin-unavailable', 'stale', 'timeline-behind']
  const words = { method: 'OPTIONS', route: '/v1/users/:id/posts/and/more', layer: 'memory', colo: 'AMS', degraded } as const
  const point = encodePoint({ ...sample, ...words, answers, measures })
  expect(bytes(JSON.stringify({ points: Array.from({ length: MAX_POINTS }, () => point) }))).toBeLessThan(128 * 1024)
})

test('every key that is cached has a class', () => {
  const classes = [
    keyOf.timeline(ID),
    keyOf.crowd(),
    keyOf.author(ID, 'public'),
    keyOf.post(ID, 'public'),
    keyOf.user(ID),
    keyOf.viewer(ID),
  ].map(classOf)
  expect(classes).toEqual(KEY_CLASSES)
  expect([keyOf.counts(ID), keyOf.marks(ID), keyOf.relation(ID, ID), keyOf.popular()].map(classOf)).toEqual(['po', 'vw', 'vw', 'crowd'])
  expect(classOf('hb:7')).toBeUndefined()
})

test('a method nobody knows and a data centre that is none are not passed on', () => {
  const [sample] = fc.sample(anyPoint(NOW_MS), { numRuns: 1, seed: 1 })
  const { blobs } = encodePoint({ ...(sample ?? expect.fail('no sample')), method: 'ID-1100000000000000001', colo: 'user@example' })
  expect([blobs[1], blobs[5]]).toEqual(['other', ''])
})
