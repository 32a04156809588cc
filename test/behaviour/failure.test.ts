import { describe, expect, test } from 'vitest'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { createCacheWorld, type Isolate, MAX_AGE_MS, TTL, type World } from '../support/cache-world.ts'

const KEY = 'k'

/** Reads the key ten times a second for eight seconds; what became of the reads. */
async function watch(world: World, isolate: Isolate) {
  const values: (string | null)[] = []
  let errors = 0
  for (let i = 0; i < 80; i++) {
    await isolate.read(KEY).then(
      ({ value }) => values.push(value),
      () => errors++,
    )
    await world.clock.advance(100)
  }
  return { values, errors }
}

describe('the origin is down', () => {
  async function stale(options: Parameters<World['isolate']>[0] = {}) {
    const world = createCacheWorld()
    await world.warm(KEY, 'old')
    await world.clock.advance(TTL.softMs)
    world.origin.down = true
    const isolate = world.isolate(options)
    return { world, isolate, ...(await watch(world, isolate)) }
  }

  test('what is stale is served all the time, and loads back off', async () => {
    const { world, values, errors } = await stale()
    expect([values.length, errors]).toEqual([80, 0])
    expect(world.origin.loads.length).toBeGreaterThanOrEqual(2)
    expect(world.origin.loads.length).toBeLessThanOrEqual(12)
  })

  test('without backing off, and without a lease, every read but those that share a load tries again', async () => {
    const { world } = await stale({ backoff: { firstMs: 0, maxMs: 0, refusedMs: 0 }, lease: false })
    expect(world.origin.loads.length).toBeGreaterThan(30)
  })

  test('and comes back: the next load that is due brings the new value', async () => {
    const { world, isolate } = await stale()
    world.origin.down = false
    world.origin.write(KEY, 'new')
    const { values } = await watch(world, isolate)
    expect(values.at(-1)).toBe('new')
  })

  test('one failed load does not keep the next reader waiting: its lease runs out after a rest, not after its life', async () => {
    const waited = async (through: (tier: SharedTier) => SharedTier) => {
      const world = createCacheWorld()
      world.origin.write(KEY, 'v')
      world.origin.down = true
      await expect(world.isolate({ through }).read(KEY)).rejects.toThrow('the origin is down')
      world.origin.down = false
      const startedAtMs = world.clock.nowMs()
      expect((await world.isolate().read(KEY)).value).toBe('v')
      return world.clock.nowMs() - startedAtMs
    }
    expect(await waited((tier) => tier)).toBeLessThan(1_000)
    expect(await waited((tier) => ({ ...tier, release: async () => {} }))).toBeGreaterThan(1_500)
  })

  test('a failure is never cached: with nothing to serve each read is an error or tries, and the first after its recovery succeeds', async () => {
    const world = createCacheWorld()
    world.origin.write(KEY, 'v')
    world.origin.down = true
    const isolate = world.isolate()
    await expect(isolate.read(KEY)).rejects.toThrow('the origin is down')
    expect(isolate.memory.get(KEY)).toBeUndefined()
    world.origin.down = false
    expect((await isolate.read(KEY)).value).toBe('v')
  })
})

describe('the shared tier is down', () => {
  async function alone(options: Parameters<World['isolate']>[0] = {}) {
    const world = createCacheWorld()
    world.origin.write(KEY, 'v')
    world.tier.down = true
    const isolate = world.isolate(options)
    return { world, isolate, ...(await watch(world, isolate)) }
  }

  test('reads are answered from the origin and from memory, and the breaker lets almost no call through', async () => {
    const { world, values, errors } = await alone()
    expect([values.filter((value) => value === 'v').length, errors]).toEqual([80, 0])
    expect(world.tier.calls.length).toBeLessThanOrEqual(5 + 8)
    // One each max age of memory: nothing that changes stays unseen.
    expect(world.origin.loads.length).toBeLessThanOrEqual(1 + 8_000 / MAX_AGE_MS)
  })

  test('with a breaker that never opens every read beyond memory’s max age calls it', async () => {
    const callsWith = async (options: Parameters<World['isolate']>[0]) => {
      const { world, isolate } = await alone(options)
      world.origin.down = true // or loads would keep memory young
      await world.clock.advance(MAX_AGE_MS)
      world.tier.calls.length = 0
      await watch(world, isolate)
      return world.tier.calls.length
    }
    expect(await callsWith({})).toBeLessThanOrEqual(8 + 1)
    expect(await callsWith({ breaker: { failures: Number.POSITIVE_INFINITY, openMs: 0 } })).toBeGreaterThan(40)
  })

  test('an open breaker makes no call', async () => {
    const { world, isolate } = await alone()
    world.tier.calls.length = 0
    for (let i = 0; i < 20; i++) await isolate.read(KEY)
    expect(world.tier.calls.length).toBeLessThanOrEqual(1)
  })

  test('when it is back one call finds out, and the next reads use it', async () => {
    const { world, isolate } = await alone()
    world.tier.down = false
    world.tier.calls.length = 0
    await world.clock.advance(MAX_AGE_MS)
    expect(await isolate.read(KEY)).toMatchObject({ value: 'v', layer: 'memory', unverified: true })
    await isolate.settled()
    await world.clock.advance(MAX_AGE_MS)
    const other = 'of the shared tier'
    await world.warm(other, 'w')
    expect(await isolate.read(other)).toMatchObject({ value: 'w', layer: 'shared', unverified: false })
  })

  test('a shared tier that is slow rather than down holds up one read of a key, not each', async () => {
    const world = createCacheWorld()
    await world.warm(KEY, 'v')
    world.tier.latencyMs = 200
    const isolate = world.isolate()
    const { tookMs } = await world.timed(Promise.all(Array.from({ length: 100 }, () => isolate.begin(KEY))))
    expect([tookMs, world.calls('read')]).toEqual([200, 1])
  })
})

test('X-Fetch keeps still while the shared tier is ill: eager refreshes would be loads that nobody shares', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'v')
  await world.clock.advance(8_000)
  const isolate = world.isolate({ beta: 1_000_000, breaker: { failures: 1, openMs: 60_000 } })
  await isolate.read(KEY)
  await isolate.settled()
  expect(world.origin.loads).toHaveLength(1)
  world.tier.down = true
  await world.clock.advance(3_000)
  for (let i = 0; i < 10; i++) await isolate.read(KEY)
  await isolate.settled()
  // The one load that memory's max age asks for, and none that eagerness would.
  expect(world.origin.loads).toHaveLength(2)
  for (let i = 0; i < 10; i++) await isolate.read(KEY)
  await isolate.settled()
  expect(world.origin.loads).toHaveLength(2)
})

test('X-Fetch keeps still while the bulkhead is full: eager refreshes would take the places of those who wait', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'v')
  await world.clock.advance(8_000)
  world.origin.latencyMs = 1_000
  const isolate = world.isolate({ beta: 1_000_000, limiter: { max: 1, waitMs: 0, holdMs: 60_000 } })
  const waiting = isolate.begin('cold')
  await world.clock.advance(10)
  for (let i = 0; i < 10; i++) await isolate.read(KEY)
  expect(isolate.eventsOf('load-failed')).toEqual([])
  await world.clock.until(waiting)
  await isolate.read(KEY)
  await isolate.settled()
  expect(world.origin.loads).toEqual([['cold'], [KEY]])
})

test('one success ends the backing off: the next failure waits only briefly again', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'v')
  const isolate = world.isolate()
  world.origin.down = true
  await world.clock.advance(TTL.softMs)
  await watch(world, isolate)
  world.origin.down = false
  await world.clock.advance(5_000)
  await watch(world, isolate)
  world.origin.down = true
  await world.clock.advance(TTL.softMs)
  world.origin.loads.length = 0
  await isolate.read(KEY)
  await isolate.settled()
  await world.clock.advance(600)
  await isolate.read(KEY)
  await isolate.settled()
  expect(world.origin.loads).toHaveLength(2)
})
