import { describe, expect, test } from 'vitest'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { createCacheWorld, LOAD_MS, MAX_AGE_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'
const SOFT_MS = 100
const LOAD_SOFT_MS = 500

/** An isolate whose memory has a value, and a shared tier that has slowed down since. */
async function slowTier(latencyMs: number, options: Parameters<ReturnType<typeof createCacheWorld>['isolate']>[0] = {}) {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const isolate = world.isolate(options)
  await isolate.read(KEY)
  await world.clock.advance(MAX_AGE_MS)
  world.tier.latencyMs = latencyMs
  return { world, isolate }
}

describe('a slow shared tier', () => {
  test('is waited for until the soft deadline by whoever has something to serve, which says that it is unverified', async () => {
    const { world, isolate } = await slowTier(240)
    const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
    expect(tookMs).toBe(SOFT_MS)
    expect(answer).toMatchObject({ value: 'old', layer: 'memory', unverified: true })
  })

  test('its late answer is kept for the next reader, and costs the origin nothing', async () => {
    const { world, isolate } = await slowTier(240)
    await world.origin.publish(KEY, 'new')
    await world.isolate().read(KEY)
    const { loads } = world.origin
    const before = loads.length
    expect((await isolate.read(KEY)).value).toBe('old')
    await world.clock.advance(240)
    expect(await isolate.read(KEY)).toMatchObject({ value: 'new', layer: 'memory', unverified: false })
    expect(loads.length).toBe(before)
  })

  test('is waited for to its end by whoever has nothing, or insists on more', async () => {
    const { world, isolate } = await slowTier(240)
    const other = await world.timed(world.isolate().begin(KEY))
    expect([other.value.layer, other.tookMs]).toEqual(['shared', 240])
    const { tookMs } = await world.timed(isolate.begin(KEY, world.origin.write(KEY, 'new')))
    expect(tookMs).toBeGreaterThanOrEqual(240)
  })

  test('is waited for to its end by whoever has only what was verified long ago: it may be deleted since', async () => {
    const { world, isolate } = await slowTier(240)
    await world.origin.publish(KEY, 'new')
    await world.isolate().read(KEY)
    await world.clock.advance(MAX_AGE_MS)
    const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
    expect([answer.value, answer.layer, tookMs]).toEqual(['new', 'shared', 240])
  })

  test('were it not, a value would be answered that was untrue for longer than the promise allows', async () => {
    const { world, isolate } = await slowTier(240, { sharedSoftAgeMs: Number.POSITIVE_INFINITY })
    await world.origin.publish(KEY, 'new')
    await world.clock.advance(3 * MAX_AGE_MS)
    expect((await isolate.read(KEY)).value).toBe('old')
  })

  test('without the soft deadline every reader beyond the max age waits for it', async () => {
    const { world, isolate } = await slowTier(240, { sharedSoftMs: Number.POSITIVE_INFINITY })
    expect((await world.timed(isolate.begin(KEY))).tookMs).toBe(240)
  })
})

describe('a slow load', () => {
  async function inGrace(options: Parameters<ReturnType<typeof createCacheWorld>['isolate']>[0] = {}) {
    const world = createCacheWorld()
    await world.warm(KEY, 'old')
    await world.clock.advance(TTL.hardMs)
    world.origin.write(KEY, 'new')
    world.origin.latencyMs = 1_500
    return { world, isolate: world.isolate(options) }
  }

  test('is waited for until the soft deadline by whoever has something in grace, and goes on behind that answer', async () => {
    const { world, isolate } = await inGrace()
    const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
    expect([answer.value, answer.freshness, tookMs]).toEqual(['old', 'grace', LOAD_SOFT_MS])
    await isolate.settled()
    expect((await isolate.read(KEY)).value).toBe('new')
    expect(world.origin.loads).toHaveLength(1)
  })

  test('without the soft deadline he waits for all of it', async () => {
    const { world, isolate } = await inGrace({ loadSoftMs: Number.POSITIVE_INFINITY })
    const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
    expect([answer.value, tookMs]).toEqual(['new', 1_500])
  })

  test('that never ends is given up at the hard deadline: its reader gets an error, the next one may try', async () => {
    const world = createCacheWorld()
    world.origin.write(KEY, 'v')
    world.origin.latencyMs = 10 ** 9
    const isolate = world.isolate({ loadDeadlineMs: 700 })
    const failed = isolate.begin(KEY).catch((error: Error) => error.name)
    expect(await world.timed(failed)).toEqual({ value: 'DeadlineExceeded', tookMs: 700 })
    world.origin.latencyMs = LOAD_MS
    expect((await isolate.read(KEY)).value).toBe('v')
  })
})

describe('while the breaker is open', () => {
  const down = async () => {
    const { world, isolate } = await slowTier(0, { breaker: { failures: 1, openMs: 1_000 } })
    world.tier.down = true
    await isolate.read(KEY)
    await isolate.settled()
    world.tier.latencyMs = 240
    world.tier.calls.length = 0
    return { world, isolate }
  }

  test('nobody waits for the shared tier: who finds out whether it is back does so behind an answer', async () => {
    const { world, isolate } = await down()
    const waits: number[] = []
    for (let i = 0; i < 100; i++) {
      await world.clock.advance(50)
      waits.push((await world.timed(isolate.begin(KEY))).tookMs)
    }
    expect(Math.max(...waits)).toBe(0)
    expect(world.calls('read')).toBeGreaterThanOrEqual(2)
    expect(world.tier.calls.length).toBeLessThanOrEqual(5)
  })

  test('and once it is, the next reader uses it', async () => {
    const { world, isolate } = await down()
    world.tier.down = false
    await world.clock.advance(MAX_AGE_MS)
    await isolate.read(KEY)
    await isolate.settled()
    const other = 'of the shared tier'
    await world.warm(other, 'w')
    expect(await isolate.read(other)).toMatchObject({ value: 'w', layer: 'shared', unverified: false })
  })
})

test('a reader of a miss waits for two round trips to the shared tier and a load: the fill runs behind the answer', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  world.tier.latencyMs = 10
  const isolate = world.isolate()
  const { tookMs } = await world.timed(isolate.begin(KEY))
  expect(tookMs).toBe(2 * 10 + LOAD_MS)
  expect(isolate.memory.get(KEY)).toBeUndefined()
  await isolate.settled()
  expect(isolate.memory.get(KEY)?.value).toBe('v')
})

test('whoever comes while the fill is on its way is answered by the same load, at once', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  world.tier.latencyMs = 200
  const isolate = world.isolate()
  await isolate.read(KEY)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect([answer.value, tookMs]).toEqual(['v', 0])
  expect([world.calls('read'), world.calls('lease'), world.origin.loads.length]).toEqual([1, 1, 1])
})

test('a fill that fails gives the lease back: the next reader need not wait until it runs out', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  const noFill = (tier: SharedTier): SharedTier => ({ ...tier, fill: () => Promise.reject(new Error('no primary')) })
  const isolate = world.isolate({ through: noFill })
  await isolate.read(KEY)
  await isolate.settled()
  const { value: answer, tookMs } = await world.timed(world.isolate().begin(KEY))
  expect(answer.value).toBe('v')
  expect(tookMs).toBeLessThanOrEqual(2 * LOAD_MS)
})

test('what a dead shared tier cannot confirm is loaded where it was verified long ago, and served as it is where that fails too', async () => {
  const world = createCacheWorld()
  await world.warm('a', 'old')
  const isolate = world.isolate()
  await isolate.read('a')
  world.tier.down = true
  world.origin.write('a', 'new')
  await world.clock.advance(2 * MAX_AGE_MS - 1)
  expect(await world.timed(isolate.begin('a'))).toMatchObject({ value: { value: 'old' }, tookMs: 0 })
  await isolate.settled() // by what was loaded behind that answer
  await world.clock.advance(2 * MAX_AGE_MS)
  world.origin.write('a', 'newer')
  expect(await isolate.read('a')).toMatchObject({ value: 'newer' })
  await world.clock.advance(2 * MAX_AGE_MS)
  world.origin.down = true
  expect(await isolate.read('a')).toMatchObject({ value: 'newer' })
})
