import { expect, test } from 'vitest'
import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { createCacheWorld, LOAD_MS, MAX_AGE_MS } from '../support/cache-world.ts'

const KEY = 'k'
const entryOf = (n: number): PackedEntry => ({
  activityId: String(1_500_000_000_000_000_000n + BigInt(n)),
  actorId: '1100000000000000001',
  audience: 'public',
})

/** A reader whose load of the old truth is in the air while the new one is written and the key invalidated. */
async function overtaken(through?: (tier: SharedTier) => SharedTier) {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  const isolate = world.isolate(through ? { through } : {})
  const reading = isolate.begin(KEY)
  await world.clock.advance(LOAD_MS / 2)
  expect(world.origin.loads).toHaveLength(1)
  await world.tier.invalidate([{ key: KEY, truth: world.origin.write(KEY, 'new') }])
  return { world, isolate, answer: await world.clock.until(reading) }
}

test('a fill that an invalidation has overtaken is refused: its value answers those who wait and is cached nowhere', async () => {
  const { world, isolate, answer } = await overtaken()
  expect(answer).toMatchObject({ value: 'old', layer: 'origin' })
  expect(isolate.eventsOf('fill-refused')).toEqual([{ type: 'fill-refused', key: KEY }])
  expect(isolate.memory.get(KEY)).toBeUndefined()
  expect((await world.tier.read([KEY]))[0]).toBeUndefined()
  expect(await isolate.read(KEY)).toMatchObject({ value: 'new', truth: 2 })
})

test('without that refusal the old truth is cached for its whole life', async () => {
  // A tier as most are: what comes last is stored.
  const naive = (tier: SharedTier): SharedTier => ({
    ...tier,
    async fill(values, token) {
      await tier.lease(
        values.map(({ key }) => ({ key, leastTruth: 0, beatsSoftEndMs: Number.MAX_SAFE_INTEGER, seenSoftEndMs: 0, seenStamp: 0 })),
        token,
        1_000,
      )
      return tier.fill(values, token)
    },
  })
  const { world, isolate } = await overtaken(naive)
  await world.clock.advance(MAX_AGE_MS + 1_000)
  expect((await isolate.read(KEY)).value).toBe('old')
})

test('a fill that fails is not one that was refused: memory keeps the value for its max age, or every read would be a load', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  const isolate = world.isolate({ through: (tier) => ({ ...tier, fill: () => Promise.reject(new Error('no primary')) }) })
  expect((await isolate.read(KEY)).value).toBe('v')
  await isolate.settled()
  expect(isolate.eventsOf('shared-failed')).toEqual([expect.objectContaining({ call: 'fill' })])
  expect(isolate.eventsOf('fill-refused')).toEqual([])
  await world.clock.advance(MAX_AGE_MS / 2)
  expect(await isolate.read(KEY)).toMatchObject({ value: 'v', layer: 'memory' })
  expect(world.origin.loads).toHaveLength(1)
})

test('what is pushed while a load is in the air is in memory and in the shared tier as soon as the fill is answered', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'list:')
  const isolate = world.isolate()
  const reading = isolate.begin(KEY)
  await world.clock.advance(LOAD_MS / 2)
  for (const n of [1, 2]) await world.tier.push([entryOf(n)], [{ key: KEY, entry: 0 }])
  const whole = `list:${encodePushed(entryOf(1))}${encodePushed(entryOf(2))}`
  await world.clock.until(reading) // answered by the load: the fill runs behind
  await isolate.settled()
  expect(isolate.memory.get(KEY)?.value).toBe(whole)
  expect((await world.isolate().read(KEY)).value).toBe(whole)
})

test('a push after the fill reaches every isolate within memory’s max age', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'list:')
  const isolate = world.isolate()
  await isolate.read(KEY)
  await world.tier.push([entryOf(1)], [{ key: KEY, entry: 0 }])
  await world.clock.advance(MAX_AGE_MS)
  expect((await isolate.read(KEY)).value).toBe(`list:${encodePushed(entryOf(1))}`)
  expect(world.origin.loads).toEqual([])
})

test('more pushes than a lease records refuse the fill: nothing incomplete is cached', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'list:')
  const isolate = world.isolate()
  const reading = isolate.begin(KEY)
  await world.clock.advance(LOAD_MS / 2)
  for (let n = 0; n < 65; n++) await world.tier.push([entryOf(n)], [{ key: KEY, entry: 0 }])
  expect((await world.clock.until(reading)).value).toBe('list:')
  expect(isolate.memory.get(KEY)).toBeUndefined()
  expect((await world.tier.read([KEY]))[0]).toBeUndefined()
})

test('two readers of a key who travel together, one insisting on more, cannot store old truth by each other’s lease', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  const isolate = world.isolate()
  const reads = [isolate.begin(KEY, 1), isolate.begin(KEY)]
  await world.clock.advance(1)
  await world.origin.publish(KEY, 'new') // voids the first one's lease; the second asks again and gets one of its own
  await world.clock.until(Promise.all(reads))
  await isolate.settled()
  expect((await world.tier.read([KEY]))[0]?.payload).toBe('new')
})
