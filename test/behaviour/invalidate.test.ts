import { expect, test } from 'vitest'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { createCacheWorld, LOAD_MS, MAX_AGE_MS } from '../support/cache-world.ts'

const KEY = 'k'

/** An isolate that has a value, a replica that is behind, and a change the isolate is told of. */
async function told({ replicaLagMs = 800 } = {}) {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const isolate = world.isolate()
  await isolate.read(KEY)
  world.tier.replicaLagMs = replicaLagMs
  const invalidate = async () => {
    isolate.forget([KEY])
    await world.tier.invalidate([{ key: KEY, truth: world.origin.write(KEY, 'new') }])
    isolate.forget([KEY])
  }
  return { world, isolate, invalidate }
}

test('an isolate that was told of a change serves the old value not even once, though its replica still has it', async () => {
  const { isolate, invalidate } = await told()
  await invalidate()
  expect((await isolate.read(KEY)).value).toBe('new')
})

test('other isolates serve it for the lag and their max age at most', async () => {
  const { world, invalidate } = await told()
  const other = world.isolate()
  await invalidate()
  expect((await other.read(KEY)).value).toBe('old')
  await world.clock.advance(800 + MAX_AGE_MS)
  expect((await other.read(KEY)).value).toBe('new')
})

test('without being told this one would as well', async () => {
  const { world, isolate } = await told()
  await world.tier.invalidate([{ key: KEY, truth: world.origin.write(KEY, 'new') }])
  expect((await isolate.read(KEY)).value).toBe('old')
})

test('a load that began before the change is not boarded after it, and is kept nowhere', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  const isolate = world.isolate()
  const early = isolate.begin(KEY)
  await world.clock.advance(LOAD_MS / 2)
  isolate.forget([KEY])
  await world.tier.invalidate([{ key: KEY, truth: world.origin.write(KEY, 'new') }])
  isolate.forget([KEY])
  const late = isolate.begin(KEY)
  expect((await world.clock.until(early)).value).toBe('old')
  expect((await world.clock.until(late)).value).toBe('new')
  await isolate.settled()
  expect((await isolate.read(KEY)).value).toBe('new')
  expect((await world.isolate().read(KEY)).value).toBe('new')
})

test('a read of the shared tier that began before the change is not remembered', async () => {
  const { world, isolate, invalidate } = await told({ replicaLagMs: 0 })
  world.tier.latencyMs = 200
  await world.clock.advance(MAX_AGE_MS)
  const early = isolate.begin(KEY)
  await world.clock.advance(150) // the answer is on its way back
  world.tier.latencyMs = 0
  await invalidate()
  await world.clock.until(early)
  await world.clock.advance(100)
  expect((await isolate.read(KEY)).value).toBe('new')
})

test('nor is a load that lands long after it, however late', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  world.origin.latencyMs = 1_900
  const noLease = (tier: SharedTier): SharedTier => ({ ...tier, lease: () => Promise.reject(new Error('no primary')) })
  const isolate = world.isolate({ through: noLease })
  const early = isolate.begin(KEY)
  await world.clock.advance(100)
  world.origin.write(KEY, 'new')
  isolate.forget([KEY])
  expect((await world.clock.until(early)).value).toBe('old')
  await isolate.settled()
  expect((await isolate.read(KEY)).value).toBe('new')
})

test('and who comes after the replicas have caught up does not board it either', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  world.origin.latencyMs = 1_900
  const isolate = world.isolate()
  const early = isolate.begin(KEY)
  await world.clock.advance(100)
  isolate.forget([KEY])
  await world.tier.invalidate([{ key: KEY, truth: world.origin.write(KEY, 'new') }])
  isolate.forget([KEY])
  await world.clock.advance(1_200)
  const late = isolate.begin(KEY)
  expect((await world.clock.until(early)).value).toBe('old')
  expect((await world.clock.until(late)).value).toBe('new')
})
