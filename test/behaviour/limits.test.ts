import { expect, test } from 'vitest'
import { createCacheWorld, keyOf, LOAD_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'

test('a value may decide how long it lives', async () => {
  const world = createCacheWorld()
  world.origin.write('plain', 'v')
  world.origin.write(KEY, 'v', { softMs: 1_000, hardMs: 1_500, graceMs: 0 })
  const isolate = world.isolate()
  await world.clock.until(isolate.turn([KEY, 'plain']))
  await world.clock.advance(1_100)
  expect((await world.isolate().read(KEY)).freshness).toBe('stale')
  expect((await world.isolate().read('plain')).freshness).toBe('fresh')
  await isolate.settled()
})

test('a key whose lease was refused behind an answer is left alone for a moment, not asked for by every reader', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(TTL.softMs)
  world.origin.latencyMs = 1_000
  const holder = world.isolate()
  await holder.read(KEY)
  const isolate = world.isolate()
  world.tier.calls.length = 0
  for (let i = 0; i < 100; i++) {
    await isolate.read(KEY)
    await world.clock.advance(5)
  }
  expect(world.calls('lease')).toBeLessThanOrEqual(500 / 50 + 1)
})

test('one value that cannot be decoded takes none of its fellow travellers along', async () => {
  const world = createCacheWorld()
  world.origin.write('whole', 'v')
  world.origin.write(KEY, '!x')
  const isolate = world.isolate()
  const found = await world.clock.until(isolate.turn([KEY, 'whole']))
  expect(found.get(keyOf('whole'))?.value).toBe('v')
  expect(found.get(keyOf(KEY))).toBeUndefined()
})

test('an allocation that is refused empties memory; its reader is answered, and the next one too', async () => {
  const world = createCacheWorld()
  world.origin.write('kept', 'v')
  world.origin.write(KEY, 'v')
  const isolate = world.isolate()
  await isolate.read('kept')
  await isolate.settled()
  isolate.refuseAllocations(1)
  expect((await isolate.read(KEY)).value).toBe('v')
  await isolate.settled()
  expect(isolate.eventsOf('memory-refused')).toHaveLength(1)
  expect(isolate.memory.size).toBe(0)
  expect((await isolate.read(KEY)).value).toBe('v')
  expect(isolate.memory.size).toBe(1)
})

test('a loader that fails for eight seconds is called at most twelve times, and its healing is found out within one', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(TTL.softMs)
  world.origin.down = true
  world.origin.write(KEY, 'new')
  const isolate = world.isolate()
  const endsAtMs = world.clock.nowMs() + 8_000
  while (world.clock.nowMs() < endsAtMs) {
    expect((await isolate.read(KEY)).value).toBe('old')
    await world.clock.advance(10)
  }
  expect(world.origin.loads.length).toBeLessThanOrEqual(12)
  world.origin.down = false
  const healedAtMs = world.clock.nowMs()
  while ((await isolate.read(KEY)).value !== 'new') await world.clock.advance(10)
  expect(world.clock.nowMs() - healedAtMs).toBeLessThanOrEqual(1_000 + LOAD_MS)
})
