import { expect, test } from 'vitest'
import { createCacheWorld, keyOf, LOAD_MS, TTL } from '../support/cache-world.ts'

const KEYS = Array.from({ length: 20 }, (_, i) => `k${String(i).padStart(2, '0')}`)
function cold() {
  const world = createCacheWorld()
  for (const key of KEYS) world.origin.write(key, `value of ${key}`)
  return { world, isolate: world.isolate() }
}

test('20 keys cost one read, one lease, one load and one fill', async () => {
  const { world, isolate } = cold()
  world.tier.latencyMs = 10
  const { value: found, tookMs } = await world.timed(isolate.turn(KEYS))
  for (const key of KEYS) expect(found.need(keyOf(key)).value).toBe(`value of ${key}`)
  expect(world.tier.calls).toEqual(['read', 'lease', 'fill'].map((call) => ({ call, keys: KEYS })))
  expect(world.origin.loads).toEqual([KEYS])
  expect(tookMs).toBe(3 * 10 + LOAD_MS)
})

test('again in the same isolate they cost nothing, in another one read', async () => {
  const { world, isolate } = cold()
  await world.clock.until(isolate.turn(KEYS))
  world.tier.calls.length = 0
  await world.clock.until(isolate.turn(KEYS))
  expect(world.tier.calls).toEqual([])
  await world.clock.until(world.isolate().turn(KEYS))
  expect(world.tier.calls).toEqual([{ call: 'read', keys: KEYS }])
})

test('only what is missing is asked for further on', async () => {
  const { world, isolate } = cold()
  await world.clock.until(world.isolate().turn(KEYS.slice(0, 15)))
  await world.clock.until(isolate.turn(KEYS.slice(0, 5)))
  world.tier.calls.length = 0
  world.origin.loads.length = 0
  const found = await world.clock.until(isolate.turn(KEYS))
  expect(KEYS.map((key) => found.need(keyOf(key)).layer)).toEqual([
    ...Array(5).fill('memory'),
    ...Array(10).fill('shared'),
    ...Array(5).fill('origin'),
  ])
  expect(world.tier.calls[0]).toEqual({ call: 'read', keys: KEYS.slice(5) })
  expect(world.origin.loads).toEqual([KEYS.slice(15)])
})

test('a key asked for twice in a turn is asked for once', async () => {
  const { world, isolate } = cold()
  await world.clock.until(isolate.turn(['k00', 'k00', 'k01', 'k00']))
  expect(world.origin.loads).toEqual([['k00', 'k01']])
  expect(isolate.eventsOf('answered')).toHaveLength(2)
})

test('turns that overlap share what they have in common', async () => {
  const { world, isolate } = cold()
  const first = isolate.turn(KEYS.slice(0, 12))
  const second = isolate.turn(KEYS.slice(8))
  await world.timed(Promise.all([first, second]))
  expect(world.origin.loads).toEqual([KEYS.slice(0, 12), KEYS.slice(12)])
})

test('one key that fails takes none of the others along', async () => {
  const { world, isolate } = cold()
  await world.warm('k00', 'warm')
  world.origin.down = true
  const found = await world.clock.until(isolate.turn(['k00', 'k01']))
  expect(found.need(keyOf('k00')).value).toBe('warm')
  expect(found.get(keyOf('k01'))).toBeUndefined()
  expect(() => found.need(keyOf('k01'))).toThrow('the origin is down')
})

test('stale keys of a turn are refreshed by one load behind it', async () => {
  const { world, isolate } = cold()
  await world.clock.until(world.isolate().turn(KEYS))
  await world.clock.advance(TTL.softMs)
  const { tookMs } = await world.timed(isolate.turn(KEYS))
  await isolate.settled()
  expect([tookMs, world.origin.loads.length]).toEqual([0, 2])
})
