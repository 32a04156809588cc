import { expect, test } from 'vitest'
import { createCacheWorld, TTL } from '../support/cache-world.ts'

const KEY = 'k'

test('what is not there is remembered briefly, in every isolate', async () => {
  const world = createCacheWorld()
  const isolates = [world.isolate(), world.isolate()]
  const startedAtMs = world.clock.nowMs()
  while (world.clock.nowMs() - startedAtMs < 0.9 * TTL.absentMs) {
    for (const isolate of isolates) expect((await isolate.read(KEY)).value).toBeNull()
    await world.clock.advance(50)
  }
  expect(world.origin.loads).toHaveLength(1)
})

test('but not for longer than stated: then the origin is asked again', async () => {
  const world = createCacheWorld()
  const isolate = world.isolate()
  await isolate.read(KEY)
  world.origin.write(KEY, 'v') // and nobody tells the caches
  await world.clock.advance(TTL.absentMs)
  expect((await isolate.read(KEY)).value).toBe('v')
})

test('a write that is announced ends the absence at once, for its writer', async () => {
  const world = createCacheWorld()
  const isolate = world.isolate()
  await isolate.read(KEY)
  const truth = await world.origin.publish(KEY, 'v')
  expect((await isolate.read(KEY, truth)).value).toBe('v')
  expect((await world.isolate().read(KEY)).value).toBe('v')
})

test('a crowd that asks for what is not there costs one load', async () => {
  const world = createCacheWorld()
  const isolates = Array.from({ length: 5 }, () => world.isolate())
  await world.timed(Promise.all(isolates.flatMap((isolate) => Array.from({ length: 100 }, () => isolate.begin(KEY)))))
  expect(world.origin.loads).toHaveLength(1)
})

test('when absences are not remembered every read is a load', async () => {
  const world = createCacheWorld()
  const forgetful = world.isolate({ through: (tier) => ({ ...tier, fill: async (values) => values.map(() => undefined) }) })
  for (let i = 0; i < 10; i++) await forgetful.read(KEY)
  expect(world.origin.loads.length).toBeGreaterThan(3)
})
