import { describe, expect, test } from 'vitest'
import { createCacheWorld, LOAD_MS, RETRY_MS, TTL, WAIT_MS } from '../support/cache-world.ts'

const KEY = 'k'
const TOKEN = 'x'.repeat(22)

/** A world in which somebody else holds the lease of the key and never fills it. */
async function leasedAway(leaseMs: number, value?: string) {
  const world = createCacheWorld()
  world.origin.write(KEY, 'new')
  if (value !== undefined) {
    await world.warm(KEY, value)
    await world.clock.advance(TTL.softMs)
  }
  const seen = { key: KEY, leastTruth: 0, beatsSoftEndMs: world.clock.nowMs(), seenSoftEndMs: 0, seenStamp: 0 }
  const [answer] = await world.tier.lease([seen], TOKEN, leaseMs)
  expect(answer?.state).toBe('granted')
  return world
}

describe('a loser of the lease', () => {
  test('serves at once what is within its hard life, though its replica does not have it yet', async () => {
    const world = createCacheWorld()
    world.tier.replicaLagMs = 60_000
    await world.warm(KEY, 'v') // on the primary since a moment ago, on the replica in a minute
    await world.clock.advance(TTL.softMs)
    world.origin.latencyMs = 1_500
    const holder = world.isolate().begin(KEY)
    await world.clock.advance(10)
    const { value: answer, tookMs } = await world.timed(world.isolate().begin(KEY))
    expect(answer).toMatchObject({ value: 'v', layer: 'shared', freshness: 'stale' })
    expect(tookMs).toBe(0)
    expect(world.origin.loads).toHaveLength(1)
    await world.clock.until(holder)
  })

  test('with nothing to serve waits for the holder, and gets what that one fills, without a load', async () => {
    const world = createCacheWorld()
    world.origin.write(KEY, 'v')
    world.origin.latencyMs = 300
    const holder = world.isolate().begin(KEY)
    await world.clock.advance(1)
    const losers = Array.from({ length: 5 }, () => world.isolate())
    const { value: answers, tookMs } = await world.timed(Promise.all(losers.map((loser) => loser.begin(KEY))))
    expect(answers.map(({ value, layer }) => [value, layer])).toEqual(Array(5).fill(['v', 'shared']))
    expect(world.origin.loads).toHaveLength(1)
    expect(tookMs).toBeLessThan(600)
    await world.clock.until(holder)
  })

  test('looks again and again with jitter, less and less often, since every look costs money', async () => {
    const world = await leasedAway(10_000)
    const looks: number[][] = []
    const losers = Array.from({ length: 3 }, (_, i) =>
      world.isolate({
        through: (tier) => ({
          ...tier,
          lease: (...args) => {
            looks[i] = [...(looks[i] ?? []), world.clock.nowMs()]
            return tier.lease(...args)
          },
        }),
      }),
    )
    await world.timed(Promise.all(losers.map((loser) => loser.begin(KEY))))
    expect(new Set(looks.map((moments) => moments[1])).size).toBe(3)
    for (const moments of looks) {
      expect(moments.length).toBeLessThan(14)
      expect(moments.length).toBeGreaterThan(5)
    }
  })

  test('goes alone after a bounded wait, when the holder has died: its answer is cached nowhere, for it may be untrue already', async () => {
    const world = await leasedAway(10_000)
    const loser = world.isolate()
    const { value: answer, tookMs } = await world.timed(loser.begin(KEY))
    expect(answer).toMatchObject({ value: 'new', layer: 'origin' })
    expect(tookMs).toBeLessThanOrEqual(WAIT_MS * 1.25 + LOAD_MS)
    expect(loser.eventsOf('loaded')).toEqual([expect.objectContaining({ alone: true })])
    expect(loser.memory.get(KEY)).toBeUndefined()
    expect((await world.tier.read([KEY]))[0]).toBeUndefined()
  })

  test('takes the lease when it runs out while it waits, and fills', async () => {
    const world = await leasedAway(500)
    const loser = world.isolate()
    const { value: answer, tookMs } = await world.timed(loser.begin(KEY))
    expect(answer).toMatchObject({ value: 'new', layer: 'origin' })
    expect(tookMs).toBeLessThan(1_000)
    expect(loser.memory.get(KEY)?.value).toBe('new')
    expect((await world.tier.read([KEY]))[0]?.payload).toBe('new')
  })

  test('that runs behind an answer gives up at once: somebody else is at it', async () => {
    const world = await leasedAway(10_000, 'old')
    await world.clock.advance(1_000)
    const loser = world.isolate()
    expect(await loser.read(KEY)).toMatchObject({ value: 'old', freshness: 'stale' })
    const { tookMs } = await world.timed(loser.settled())
    expect([tookMs, world.origin.loads.length]).toEqual([0, 0])
  })
})

test('losers that go alone stay inside the bulkhead; whom it has no room for is refused in bounded time', async () => {
  const world = createCacheWorld()
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  for (const key of keys) world.origin.write(key, 'v')
  world.origin.latencyMs = 400
  const wanted = keys.map((key) => ({ key, leastTruth: 0, beatsSoftEndMs: world.clock.nowMs(), seenSoftEndMs: 0, seenStamp: 0 }))
  await world.tier.lease(wanted, TOKEN, 10_000)
  const isolate = world.isolate({ batching: false, limiter: { max: 4, waitMs: 1_000, holdMs: 60_000 } })
  const { value: outcomes, tookMs } = await world.timed(Promise.allSettled(keys.map((key) => isolate.begin(key))))
  expect(world.origin.most).toBe(4)
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.every(({ reason }) => reason.name === 'Overloaded')).toBe(true)
  expect(tookMs).toBeLessThan(WAIT_MS * 1.25 + 1_500)
})

describe('a load that fails', () => {
  /** A reader whose load fails after 100 ms, and another isolate that has been waiting for it. */
  async function failing(options: Parameters<ReturnType<typeof createCacheWorld>['isolate']>[0] = {}) {
    const world = createCacheWorld()
    world.origin.write(KEY, 'v')
    world.origin.down = true
    const holder = world.isolate(options).begin(KEY)
    await world.clock.advance(1)
    const loser = world.isolate().begin(KEY)
    await expect(world.clock.until(holder)).rejects.toThrow('the origin is down')
    world.origin.down = false
    return { world, ...(await world.timed(loser)) }
  }

  test('gives its lease back after a rest: whoever waits tries soon, and may fill', async () => {
    const { world, value: answer, tookMs } = await failing()
    expect(answer).toMatchObject({ value: 'v', layer: 'origin' })
    expect(tookMs).toBeGreaterThanOrEqual(RETRY_MS + LOAD_MS)
    expect(tookMs).toBeLessThan(RETRY_MS + 200 + LOAD_MS)
    expect((await world.tier.read([KEY]))[0]?.payload).toBe('v')
  })

  test('kept, the lease would hold everybody up until it runs out', async () => {
    const { tookMs } = await failing({ through: (tier) => ({ ...tier, release: async () => {} }) })
    expect(tookMs).toBeGreaterThan(WAIT_MS * 0.75)
  })
})

test('without the lease every loser loads at once', async () => {
  const world = await leasedAway(10_000)
  const { tookMs } = await world.timed(Promise.all(Array.from({ length: 5 }, () => world.isolate({ lease: false }).begin(KEY))))
  expect([tookMs, world.origin.loads.length]).toEqual([LOAD_MS, 5])
})

test('a lease that cannot be asked for guards nothing: the reader goes alone at once, and remembers for himself', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  const isolate = world.isolate({ through: (tier) => ({ ...tier, lease: () => Promise.reject(new Error('no primary')) }) })
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect([answer.value, tookMs]).toEqual(['v', LOAD_MS])
  expect(isolate.eventsOf('shared-failed')).toEqual([expect.objectContaining({ call: 'lease' })])
  expect(await isolate.read(KEY)).toMatchObject({ value: 'v', layer: 'memory' })
})
