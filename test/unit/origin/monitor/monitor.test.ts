import { expect, test } from 'vitest'
import { createMonitorWorld, type Sabotage } from '../../../support/monitor-world.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const MINUTE_MS = 60_000

test('an hour of churn, outages of Redis and restarts from old snapshots raise no alarm, and what is late is seen', async () => {
  const world = createMonitorWorld(SEED)
  await world.clock.advance(60 * MINUTE_MS)
  const counted = world.counted()
  expect(world.wrong, `seed ${SEED}`).toEqual([])
  expect(counted.checked).toBeGreaterThan(5_000)
  expect(counted.wrong).toBe(0)
  expect(counted.late + counted.beyond).toBeGreaterThan(0)
})

/** From a moment on, for five seconds. */
const FROM_MS = 5 * MINUTE_MS
const once = (): ((key: string, atMs: number) => boolean) => {
  let from = Number.POSITIVE_INFINITY
  return (_, atMs) => {
    if (from === Number.POSITIVE_INFINITY) from = atMs + FROM_MS
    return atMs >= from && atMs < from + 5_000
  }
}
test.each<[fault: string, sabotage: () => Sabotage]>([
  ['what invalidations left undone that were acknowledged', () => ({ losesInvalidation: once() })],
  ['what pushes left out that were acknowledged', () => ({ losesPush: once() })],
  ['an isolate that never asks L2 again', () => ({ edgeNeverAsks: true })],
])('%s is found within a minute', async (_, sabotage) => {
  const world = createMonitorWorld(SEED, sabotage())
  await world.clock.advance(FROM_MS + MINUTE_MS + 10_000)
  expect(world.wrong.length, `seed ${SEED}`).toBeGreaterThan(0)
})
