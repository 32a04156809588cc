import { expect, test } from 'vitest'
import { createCacheWorld, type Isolate, LOAD_MS, type World } from '../support/cache-world.ts'

const KEY = 'k'
const READERS = 1_000
const crowd = (isolates: readonly Isolate[], readers: number, key = KEY) =>
  Promise.all(isolates.flatMap((isolate) => Array.from({ length: readers }, () => isolate.begin(key))))
const isolatesOf = (world: World, count: number, options: Parameters<World['isolate']>[0] = {}) =>
  Array.from({ length: count }, () => world.isolate(options))
const ROOMY = { max: 10_000, waitMs: 1_000, holdMs: 60_000 }

test('1,000 readers of one cold key in an isolate cost one look at the shared tier and one load', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  const isolate = world.isolate()
  const { value: answers, tookMs } = await world.timed(crowd([isolate], READERS))
  expect(new Set(answers.map(({ value }) => value))).toEqual(new Set(['v']))
  expect(world.origin.loads).toEqual([[KEY]])
  expect(world.tier.calls.map(({ call }) => call)).toEqual(['read', 'lease', 'fill'])
  expect(tookMs).toBe(LOAD_MS)
  expect(answers.filter(({ collapsed }) => collapsed)).toHaveLength(READERS - 1)
})

test('without singleflight each of them asks the shared tier for itself', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  await world.timed(crowd([world.isolate({ singleflight: false })], READERS))
  expect(world.calls('read')).toBe(READERS)
  expect(world.calls('lease')).toBeGreaterThanOrEqual(READERS)
})

test('without singleflight and lease there is the stampede: each of them loads', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  await world.timed(crowd([world.isolate({ singleflight: false, lease: false, limiter: ROOMY })], READERS))
  expect(world.origin.loads).toHaveLength(READERS)
  expect(world.origin.most).toBe(READERS)
})

test('1,000 readers of one cold key in 20 isolates cost one load: the lease goes to one', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  const { value: answers } = await world.timed(crowd(isolatesOf(world, 20), READERS / 20))
  expect(answers.every(({ value }) => value === 'v')).toBe(true)
  expect(world.origin.loads).toEqual([[KEY]])
})

test('without leases every isolate loads', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  await world.timed(crowd(isolatesOf(world, 20, { lease: false }), READERS / 20))
  expect(world.origin.loads).toHaveLength(20)
})

test('when a hot key has gone stale, nobody waits and one load serves 20 isolates', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const isolates = isolatesOf(world, 20)
  await world.clock.advance(11_000)
  world.origin.write(KEY, 'new')
  const { value: answers, tookMs } = await world.timed(crowd(isolates, 50))
  expect(tookMs).toBe(0)
  expect(answers.every(({ value, freshness }) => value === 'old' && freshness === 'stale')).toBe(true)
  await Promise.all(isolates.map((isolate) => isolate.settled()))
  expect(world.origin.loads).toEqual([[KEY]])
  await world.clock.advance(2_000)
  expect((await world.timed(crowd(isolates, 50))).value.every(({ value }) => value === 'new')).toBe(true)
  expect(world.origin.loads).toHaveLength(1)
})

/** Reads a hot key every 10 ms in 4 isolates through five of its lives; what the answers were, and how much was loaded. */
async function hotKey(world: World, beta: number) {
  await world.warm(KEY, 'v')
  const isolates = isolatesOf(world, 4, { beta })
  const words: string[] = []
  for (let i = 0; i < 5_000; i++) {
    const { value: answers, tookMs } = await world.timed(crowd(isolates, 1))
    expect(tookMs).toBe(0)
    words.push(...answers.map(({ freshness }) => freshness))
    await world.clock.advance(10)
  }
  return { stale: words.filter((word) => word === 'stale').length, loads: world.origin.loads.length }
}

test('X-Fetch refreshes a hot key before it expires: once per life, by the lease, and nobody meets it stale', async () => {
  const { stale, loads } = await hotKey(createCacheWorld(), 1)
  expect(stale).toBe(0)
  expect(loads).toBeGreaterThanOrEqual(5)
  expect(loads).toBeLessThanOrEqual(6)
})

test('without X-Fetch every expiry is met by readers, who are served stale', async () => {
  const { stale, loads } = await hotKey(createCacheWorld(), 0)
  expect(stale).toBeGreaterThanOrEqual(5 * 4)
  expect(loads).toBeLessThanOrEqual(6)
})
