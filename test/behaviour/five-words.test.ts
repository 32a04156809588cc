import { expect, test } from 'vitest'
import { createCacheWorld, keyOf, LOAD_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'
/** An isolate that remembers nothing, in a world whose shared tier has had an old value for `ageMs`, while the origin has a new one. */
async function aged(ageMs: number) {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(ageMs)
  world.origin.write(KEY, 'new')
  return { world, isolate: world.isolate() }
}
const SOFT = TTL.softMs + 1_000
const HARD = TTL.hardMs + 1_000
const GRACE = TTL.hardMs + TTL.graceMs + 1_000

test('fresh: it is served, and nothing is loaded', async () => {
  const { world, isolate } = await aged(1_000)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect(answer).toMatchObject({ value: 'old', layer: 'shared', freshness: 'fresh', unverified: false })
  await isolate.settled()
  expect([tookMs, world.origin.loads.length, world.calls('lease')]).toEqual([0, 0, 0])
})

test('stale: it is served at once, and one load runs behind the answer', async () => {
  const { world, isolate } = await aged(SOFT)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect(answer).toMatchObject({ value: 'old', freshness: 'stale' })
  expect(tookMs).toBe(0)
  await isolate.settled()
  expect(world.origin.loads).toEqual([[KEY]])
  expect(await isolate.read(KEY)).toMatchObject({ value: 'new', layer: 'memory', freshness: 'fresh' })
})

test('early: it is served at once as the fresh value it is, and one load runs behind the answer', async () => {
  const { world } = await aged(8_000)
  const eager = world.isolate({ beta: 1_000_000 })
  const { value: answer, tookMs } = await world.timed(eager.begin(KEY))
  expect(answer).toMatchObject({ value: 'old', freshness: 'fresh' })
  expect(tookMs).toBe(0)
  await eager.settled()
  expect(world.origin.loads).toEqual([[KEY]])
  expect(await eager.read(KEY)).toMatchObject({ value: 'new' })
})

test('grace: the reader waits for a load', async () => {
  const { world, isolate } = await aged(HARD)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect(answer).toMatchObject({ value: 'new', layer: 'origin', freshness: 'fresh' })
  expect(tookMs).toBe(LOAD_MS)
})

test('grace: when the load fails the old value is served, and says that it is old', async () => {
  const { world, isolate } = await aged(HARD)
  world.origin.down = true
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect(answer).toMatchObject({ value: 'old', layer: 'shared', freshness: 'grace' })
  expect(tookMs).toBe(LOAD_MS)
})

test('grace: while its loads back off the old value is served without another try', async () => {
  const { world, isolate } = await aged(HARD)
  world.origin.down = true
  await isolate.read(KEY)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect(answer).toMatchObject({ value: 'old', layer: 'memory', freshness: 'grace' })
  expect([tookMs, world.origin.loads.length]).toEqual([0, 1])
})

test('dead: the reader waits, and gets the error when the load fails', async () => {
  const { world, isolate } = await aged(GRACE)
  world.origin.down = true
  await expect(isolate.read(KEY)).rejects.toThrow('the origin is down')
  world.origin.down = false
  await world.clock.advance(5_000)
  expect(await isolate.read(KEY)).toMatchObject({ value: 'new', layer: 'origin' })
})

test('dead in memory as well: a value whose grace has ended is served by nobody, though the shared tier is out of reach', async () => {
  const { world, isolate } = await aged(HARD)
  world.origin.down = true
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old' })
  world.tier.down = true
  await world.clock.advance(TTL.graceMs)
  await expect(isolate.read(KEY)).rejects.toThrow('the origin is down')
})

test('what the origin answers in an unknown format is an error', async () => {
  const { world, isolate } = await aged(0)
  world.origin.write('unknown', '?x')
  await expect(isolate.read('unknown')).rejects.toThrow('unknown was loaded in an unknown format')
})

test('what the shared tier has in an unknown format is a miss: one load replaces it, and nobody waits for more than that load', async () => {
  const { world, isolate } = await aged(0)
  await world.put('damaged', '?x')
  world.origin.write('damaged', 'whole')
  const { value: answer, tookMs } = await world.timed(isolate.begin('damaged'))
  expect(answer).toMatchObject({ value: 'whole', layer: 'origin' })
  expect(tookMs).toBeLessThanOrEqual(LOAD_MS + 50)
  expect(await world.isolate().read('damaged')).toMatchObject({ value: 'whole', layer: 'shared' })
})

test('what a load costs is counted from its start, not while it waits for a place in the bulkhead', async () => {
  const { world } = await aged(0)
  world.origin.write('first', 'v')
  world.origin.write('second', 'v')
  const busy = world.isolate({ batching: false, limiter: { max: 1, waitMs: 1_000, holdMs: 60_000 } })
  await world.timed(Promise.all([busy.begin('first'), busy.begin('second')]))
  expect(busy.eventsOf('loaded').map(({ tookMs }) => tookMs)).toEqual([LOAD_MS, LOAD_MS])
  expect(busy.memory.get('second')?.life.deltaMs).toBe(LOAD_MS)
})

test('a key that nobody asked for has no answer', async () => {
  const { world, isolate } = await aged(0)
  const found = await world.clock.until(isolate.turn([KEY]))
  expect(found.get(keyOf('other'))).toBeUndefined()
  expect(() => found.need(keyOf('other'))).toThrow('other was not asked for')
})
