import fc from 'fast-check'
import {
  KEY_CLASSES,
  type KeyClass,
  LAYERS,
  type LayerCounts,
  type Point,
  REQUEST_MEASURES,
  WORK_MEASURES,
} from '../../contract/analytics.ts'
import type { RequestEvent } from '../../worker/http/events.ts'
import { createTally } from '../../worker/http/tally.ts'

const counts = (max: number) => fc.record({ memory: fc.nat({ max }), shared: fc.nat({ max }), origin: fc.nat({ max }) })
const classes = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<Record<KeyClass, T>> =>
  fc.record(Object.fromEntries(KEY_CLASSES.map((keyClass) => [keyClass, each])) as Record<KeyClass, fc.Arbitrary<T>>)
const measures = fc.record(
  Object.fromEntries([...REQUEST_MEASURES, ...WORK_MEASURES].map((name) => [name, fc.nat({ max: 5_000 })])),
) as fc.Arbitrary<Point['measures']>

export const anyCounts: fc.Arbitrary<LayerCounts> = counts(99_999)

/** Any request of a few routes, answered within a minute before `nowMs`. */
export const anyPoint = (nowMs: number): fc.Arbitrary<Point> =>
  fc.record({
    atMs: fc.integer({ min: nowMs - 60_000, max: nowMs }),
    route: fc.constantFrom('/v1/feed/following', '/v1/posts/:id', '/*'),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PROPFIND'),
    status: fc.constantFrom(200, 201, 304, 404, 503),
    layer: fc.constantFrom(...LAYERS, 'none' as const),
    degraded: fc.subarray(['l2-unavailable', 'origin-unavailable', 'stale', 'incomplete', 'timeline-behind']),
    colo: fc.constantFrom('AMS', undefined),
    answers: classes(counts(300)),
    measures,
  })

/** A request that was answered from memory. */
export function requestEvent(atMs: number): RequestEvent {
  const tally = createTally()
  tally.observe({
    type: 'answered',
    key: 'us:1100000000000000001',
    layer: 'memory',
    freshness: 'fresh',
    collapsed: false,
    unverified: false,
    verifiedAtMs: atMs,
  })
  return { atMs, route: '/v1/posts/:id', method: 'GET', status: 200, totalMs: 3, tally, degraded: [], colo: undefined, error: undefined }
}
