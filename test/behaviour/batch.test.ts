import { expect, test } from 'vitest'
import { createCacheWorld, type Isolate, keyOf, LOAD_MS, TTL, type World } from '../support/cache-world.ts'

const KEYS = Array.from({ length: 20 }, (_, i) => `k${String(i).padStart(2, '0')}`)
function cold(options: Parameters<World['isolate']>[0] = {}) {
  const world = createCacheWorld()
  for (const key of KEYS) world.origin.write(key, `value of ${key}`)
  return { world, isolate: world.isolate(options) }
}

test('20 keys cost one read, one lease, one load and one fill', async () => {
  const { world, isolate } = cold()
  world.tier.latencyMs = 10
  const { value: found, tookMs } = await world.timed(isolate.turn(KEYS))
  for (const key of KEYS) expect(found.need(keyOf(key)).value).toBe(`value of ${key}`)
  expect(world.tier.calls).toEqual(['read', 'lease', 'fill'].map((call) => ({ call, keys: KEYS })))
  expect(world.origin.loads).toEqual([KEYS])
  expect(tookMs).toBe(2 * 10 + LOAD_MS) // the fill runs behind the answer
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

/** Requests at the same time, each for some of the keys. */
async function together(isolate: Isolate, world: World, requests: readonly (readonly string[])[]) {
  const turns = await world.clock.until(Promise.all(requests.map((keys) => isolate.turn(keys))))
  for (const [i, found] of turns.entries())
    for (const key of requests[i] ?? []) expect(found.need(keyOf(key)).value).toBe(`value of ${key}`)
  await isolate.settled()
}

test('what several requests miss in one turn travels together, and what they have in common once', async () => {
  const { world, isolate } = cold()
  await together(isolate, world, [KEYS.slice(0, 12), KEYS.slice(8)])
  expect(world.tier.calls).toEqual(['read', 'lease', 'fill'].map((call) => ({ call, keys: KEYS })))
  expect(world.origin.loads).toEqual([KEYS])
})

test('so do the misses of twenty requests that come while another one is in the air', async () => {
  const { world, isolate } = cold()
  world.origin.write('first', 'value of first')
  const first = isolate.turn(['first'])
  await Promise.resolve()
  await Promise.resolve()
  await together(
    isolate,
    world,
    KEYS.map((key) => [key]),
  )
  await world.clock.until(first)
  expect(world.tier.calls.filter(({ call }) => call === 'read').map(({ keys }) => keys)).toEqual([['first'], KEYS])
  expect(world.origin.loads.map((keys) => keys.length)).toEqual([1, 20])
})

test('without batching each request travels for itself', async () => {
  const { world, isolate } = cold({ batching: false })
  await together(
    isolate,
    world,
    KEYS.map((key) => [key]),
  )
  expect([world.calls('read'), world.calls('lease'), world.origin.loads.length]).toEqual([20, 20, 20])
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
