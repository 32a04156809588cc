import { expect, test } from 'vitest'
import { createCacheWorld, MAX_AGE_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'
async function remembered(options: Parameters<ReturnType<typeof createCacheWorld>['isolate']>[0] = {}) {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const isolate = world.isolate(options)
  await isolate.read(KEY)
  world.tier.calls.length = 0
  return { world, isolate }
}

test('memory answers up to its max age, and not a millisecond longer, without asking the shared tier', async () => {
  const { world, isolate } = await remembered()
  await world.clock.advance(MAX_AGE_MS - 1)
  expect(await isolate.read(KEY)).toMatchObject({ layer: 'memory' })
  expect(world.tier.calls).toEqual([])
  await world.clock.advance(1)
  expect(await isolate.read(KEY)).toMatchObject({ layer: 'shared' })
  expect(world.tier.calls.map(({ call }) => call)).toEqual(['read'])
})

test('that age counts from the start of the read that brought the value, however long it took', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  world.tier.latencyMs = 500
  const isolate = world.isolate({ sharedSoftMs: 1_000 })
  await isolate.read(KEY)
  await world.clock.advance(MAX_AGE_MS - 500)
  expect(await isolate.read(KEY)).toMatchObject({ layer: 'shared' })
})

test('and from the start of the load that brought it', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  world.origin.latencyMs = 1_500
  const isolate = world.isolate()
  await isolate.read(KEY)
  await world.clock.advance(MAX_AGE_MS - 1_500)
  expect(await isolate.read(KEY)).toMatchObject({ layer: 'shared' })
})

test('what was invalidated is served by no isolate beyond replica lag and max age', async () => {
  const world = createCacheWorld()
  world.tier.replicaLagMs = 1_000
  await world.warm(KEY, 'old')
  await world.clock.advance(1_000)
  const isolates = Array.from({ length: 5 }, () => world.isolate())
  for (const isolate of isolates) await isolate.read(KEY)
  await world.origin.publish(KEY, 'new')
  const acknowledgedAtMs = world.clock.nowMs()
  let lastOldMs = 0
  while (world.clock.nowMs() < acknowledgedAtMs + 5_000) {
    for (const isolate of isolates) if ((await isolate.read(KEY)).value === 'old') lastOldMs = world.clock.nowMs()
    await world.clock.advance(50)
  }
  expect(lastOldMs - acknowledgedAtMs).toBeGreaterThan(0)
  expect(lastOldMs - acknowledgedAtMs).toBeLessThanOrEqual(MAX_AGE_MS + 1_000)
})

test('without a max age it would be served for its whole life', async () => {
  const { world, isolate } = await remembered({ maxAgeMs: 3_600_000 })
  await world.origin.publish(KEY, 'new')
  await world.clock.advance(TTL.softMs - 2_000)
  expect((await isolate.read(KEY)).value).toBe('old')
})

test('when the shared tier cannot be reached, memory goes on beyond its max age and says so', async () => {
  const { world, isolate } = await remembered()
  world.tier.down = true
  await world.clock.advance(MAX_AGE_MS)
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old', layer: 'memory', unverified: true })
  expect(isolate.eventsOf('shared-failed')).toEqual([expect.objectContaining({ call: 'read' })])
  world.tier.down = false
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old', layer: 'shared', unverified: false })
})

test('what changes meanwhile is loaded behind that answer, once per max age: a dead shared tier hides nothing', async () => {
  const { world, isolate } = await remembered()
  world.tier.down = true
  world.origin.write(KEY, 'new')
  const before = world.origin.loads.length
  await world.clock.advance(MAX_AGE_MS)
  for (let i = 0; i < 5; i++) expect((await isolate.read(KEY)).value).toBe('old')
  await world.clock.advance(1_000)
  for (let i = 0; i < 5; i++) expect((await isolate.read(KEY)).value).toBe('new')
  expect(world.origin.loads.length - before).toBe(1)
})

test('neither shared tier nor origin can be reached: memory serves into grace, and says both', async () => {
  const { world, isolate } = await remembered()
  world.tier.down = true
  world.origin.down = true
  await world.clock.advance(TTL.hardMs)
  expect(await isolate.read(KEY)).toMatchObject({ value: 'old', layer: 'memory', freshness: 'grace', unverified: true })
})

test('a slow read does not take back what a later one brought', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'list:')
  let slow = true
  const isolate = world.isolate({
    singleflight: false,
    through: (tier) => ({
      ...tier,
      async read(keys) {
        const answer = await tier.read(keys)
        if (slow) await world.clock.sleep(500)
        return answer
      },
    }),
  })
  const first = isolate.begin(KEY)
  await world.clock.advance(100)
  slow = false
  const entry = { activityId: '1500000000000000001', actorId: '1100000000000000001', audience: 'public' as const }
  await world.tier.push([entry], [{ key: KEY, entry: 0 }])
  await isolate.read(KEY)
  expect((await world.clock.until(first)).value).toBe('list:')
  expect(isolate.memory.get(KEY)?.value).toMatch(/^list:.+/)
})

test('a value’s ends travel with it: no tier and no isolate makes its life longer', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const life = (await world.tier.read([KEY]))[0]?.life
  // Handed from isolate to isolate, each remembering it late in its life.
  for (let i = 0; i < 8; i++) {
    const isolate = world.isolate()
    await isolate.read(KEY)
    expect(isolate.memory.get(KEY)?.life).toEqual(life)
    await world.clock.advance(1_000)
  }
  const last = world.isolate()
  await world.clock.advance((life?.softExpiresAtMs ?? 0) - 1 - world.clock.nowMs())
  expect(await last.read(KEY)).toMatchObject({ freshness: 'fresh', layer: 'shared' })
  await world.clock.advance(1)
  expect(await last.read(KEY)).toMatchObject({ freshness: 'stale', layer: 'memory' })
})

/** Reads a hot key every millisecond for 10 s; how many readers of the second half waited for the shared tier. */
async function hotKeyWaits(beta: number): Promise<number> {
  const { world, isolate } = await remembered({ beta, maxAgeMs: 500 })
  world.tier.latencyMs = 20
  const halfAtMs = world.clock.nowMs() + 5_000 // until then it learns what a read costs
  let waited = 0
  while (world.clock.nowMs() < halfAtMs + 5_000) {
    const { tookMs } = await world.timed(isolate.begin(KEY))
    if (tookMs > 0 && world.clock.nowMs() > halfAtMs) waited++
    await world.clock.advance(1)
  }
  return waited
}

test('a hot key is verified behind an answer before memory’s max age, so that its readers do not wait for the shared tier', async () => {
  expect(await hotKeyWaits(1)).toBeLessThanOrEqual(1)
})

test('without that, a reader waits each time the max age is reached', async () => {
  expect(await hotKeyWaits(0)).toBeGreaterThanOrEqual(9)
})
