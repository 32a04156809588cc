import { expect, test } from 'vitest'
import { createCacheWorld, LOAD_MS } from '../support/cache-world.ts'

const KEY = 'k'
const LAG_MS = 1_000

/** An isolate that remembers truth 1, a write that made truth 2, and a replica that has not heard of it. */
async function written() {
  const world = createCacheWorld()
  world.tier.replicaLagMs = LAG_MS
  await world.warm(KEY, 'old')
  await world.clock.advance(2 * LAG_MS)
  const isolate = world.isolate()
  await isolate.read(KEY)
  world.tier.calls.length = 0
  const truth = await world.origin.publish(KEY, 'new')
  return { world, isolate, truth }
}

test('a value below what the reader insists on is a miss in memory and in a lagging replica: the primary is asked, then the origin', async () => {
  const { world, isolate, truth } = await written()
  expect(await isolate.read(KEY, truth)).toMatchObject({ value: 'new', truth, layer: 'origin' })
  expect(world.tier.calls.map(({ call }) => call)).toEqual(['read', 'lease', 'fill'])
})

test('who insists on nothing is served the old value meanwhile', async () => {
  const { isolate } = await written()
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old', truth: 1, layer: 'memory' })
})

test('when the primary has the new truth already, it answers and nothing is loaded', async () => {
  const { world, isolate, truth } = await written()
  await world.isolate().read(KEY, truth)
  expect(world.origin.loads).toHaveLength(1)
  expect(await isolate.read(KEY, truth)).toMatchObject({ value: 'new', layer: 'shared' })
  expect(world.origin.loads).toHaveLength(1)
})

test('the new truth is remembered: the next read of anybody in the isolate is answered from memory', async () => {
  const { world, isolate, truth } = await written()
  await isolate.read(KEY, truth)
  world.tier.calls.length = 0
  expect(await isolate.read(KEY)).toMatchObject({ value: 'new', layer: 'memory' })
  expect(world.tier.calls).toEqual([])
})

test('a lagging replica does not take the new truth out of memory again', async () => {
  const { world, isolate, truth } = await written()
  await isolate.read(KEY, truth)
  world.tier.replicaLagMs = 3_000
  await world.clock.advance(2_000)
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old', layer: 'shared' })
  expect(isolate.memory.get(KEY)).toMatchObject({ value: 'new', truth })
})

test('a load that began before the write is not enough: the reader does not board that flight', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  const isolate = world.isolate()
  const others = isolate.begin(KEY)
  await world.clock.advance(LOAD_MS / 2)
  const truth = world.origin.write(KEY, 'new')
  await world.tier.invalidate([{ key: KEY, truth }])
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY, truth))
  expect(answer).toMatchObject({ value: 'new', truth })
  expect(tookMs).toBe(LOAD_MS)
  expect((await others).value).toBe('old')
})

test('a write whose invalidation is owed is read by its writer nevertheless: the primary’s older value is a miss as well', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const truth = world.origin.write(KEY, 'new')
  expect(await world.isolate().read(KEY, truth)).toMatchObject({ value: 'new', truth, layer: 'origin' })
})

test('and whoever loses the lease waits for that truth rather than serve the older value', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const truth = world.origin.write(KEY, 'new')
  world.origin.latencyMs = 500
  const holder = world.isolate().begin(KEY, truth)
  await world.clock.advance(1)
  expect(await world.isolate().read(KEY, truth)).toMatchObject({ value: 'new', truth, layer: 'shared' })
  expect(world.origin.loads).toHaveLength(1)
  await world.clock.until(holder)
})

test('a truth that does not come is waited for in bounded time, then what there is is served', async () => {
  const { world, isolate, truth } = await written()
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY, truth + 1))
  expect(answer).toMatchObject({ value: 'new', truth })
  expect(tookMs).toBeLessThan(5 * LOAD_MS)
  expect(world.origin.loads.length).toBeLessThanOrEqual(3)
})

test('a truth that cannot be had is an error, never an older value that passes for it', async () => {
  const { world, isolate, truth } = await written()
  world.origin.down = true
  await expect(isolate.read(KEY, truth)).rejects.toThrow('the origin is down')
  expect((await isolate.read(KEY)).value).toBe('old')
})
