import { describe, expect, test } from 'vitest'
import { createCacheWorld, keyOf, LOAD_MS, MAX_AGE_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'

test('a value may decide how long it lives', async () => {
  const world = createCacheWorld()
  world.origin.write('plain', 'v')
  world.origin.write(KEY, 'v', { softMs: 1_000, hardMs: 1_500, graceMs: 0 })
  const isolate = world.isolate()
  await world.clock.until(isolate.turn([KEY, 'plain']))
  await world.clock.advance(1_100)
  expect((await world.isolate().read(KEY)).freshness).toBe('stale')
  expect((await world.isolate().read('plain')).freshness).toBe('fresh')
  await isolate.settled()
})

test('a key whose lease was refused behind an answer is left alone for a moment, not asked for by every reader', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(TTL.softMs)
  world.origin.latencyMs = 1_000
  const holder = world.isolate()
  await holder.read(KEY)
  const isolate = world.isolate()
  world.tier.calls.length = 0
  for (let i = 0; i < 100; i++) {
    await isolate.read(KEY)
    await world.clock.advance(5)
  }
  expect(world.calls('lease')).toBeLessThanOrEqual(500 / 50 + 1)
})

test('one value that cannot be decoded takes none of its fellow travellers along', async () => {
  const world = createCacheWorld()
  world.origin.write('whole', 'v')
  world.origin.write(KEY, '!x')
  const isolate = world.isolate()
  const found = await world.clock.until(isolate.turn([KEY, 'whole']))
  expect(found.get(keyOf('whole'))?.value).toBe('v')
  expect(found.get(keyOf(KEY))).toBeUndefined()
})

test('an allocation that is refused empties memory; its reader is answered, and the next one too', async () => {
  const world = createCacheWorld()
  world.origin.write('kept', 'v')
  world.origin.write(KEY, 'v')
  const isolate = world.isolate()
  await isolate.read('kept')
  await isolate.settled()
  isolate.refuseAllocations(1)
  expect((await isolate.read(KEY)).value).toBe('v')
  await isolate.settled()
  expect(isolate.eventsOf('memory-refused')).toHaveLength(1)
  expect(isolate.memory.size).toBe(0)
  expect((await isolate.read(KEY)).value).toBe('v')
  expect(isolate.memory.size).toBe(1)
})

test('a loader that fails for eight seconds is called at most twelve times, and its healing is found out within one', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(TTL.softMs)
  world.origin.down = true
  world.origin.write(KEY, 'new')
  const isolate = world.isolate()
  const endsAtMs = world.clock.nowMs() + 8_000
  while (world.clock.nowMs() < endsAtMs) {
    expect((await isolate.read(KEY)).value).toBe('old')
    await world.clock.advance(10)
  }
  expect(world.origin.loads.length).toBeLessThanOrEqual(12)
  world.origin.down = false
  const healedAtMs = world.clock.nowMs()
  while ((await isolate.read(KEY)).value !== 'new') await world.clock.advance(10)
  expect(world.clock.nowMs() - healedAtMs).toBeLessThanOrEqual(1_000 + LOAD_MS)
})

describe('a load that fails for one key of many', () => {
  test('fails for that key alone: the others are answered and stored', async () => {
    const world = createCacheWorld()
    for (const key of ['a', 'b', 'c']) world.origin.write(key, key)
    world.origin.failing.add('b')
    const isolate = world.isolate()
    const found = await world.clock.until(isolate.turn(['a', 'b', 'c']))
    expect(['a', 'b', 'c'].map((key) => found.get(keyOf(key))?.value)).toEqual(['a', undefined, 'c'])
    expect(() => found.need(keyOf('b'))).toThrow('b is broken')
    await isolate.settled()
    expect((await world.tier.read(['a', 'b', 'c'])).map((stored) => stored?.payload)).toEqual(['a', undefined, 'c'])
  })

  test('backs off for that key alone, and gives its lease back after a rest', async () => {
    const world = createCacheWorld()
    for (const key of ['a', 'b']) await world.warm(key, key)
    await world.clock.advance(TTL.softMs)
    world.origin.failing.add('b')
    const isolate = world.isolate()
    await world.clock.until(isolate.turn(['a', 'b']))
    await isolate.settled()
    await world.clock.until(isolate.turn(['a', 'b']))
    await isolate.settled()
    expect(world.origin.loads).toEqual([['a', 'b']])
    await world.clock.advance(300)
    world.origin.failing.clear()
    await world.clock.until(isolate.turn(['a', 'b']))
    await isolate.settled()
    expect(world.origin.loads).toEqual([['a', 'b'], ['b']])
  })

  test('loaded one by one, no key waits for another or fails with it', async () => {
    const world = createCacheWorld()
    for (const key of ['a', 'b']) world.origin.write(key, key)
    const isolate = world.isolate({ loadsTogether: false })
    await world.clock.until(isolate.turn(['a', 'b']))
    expect(world.origin.loads).toEqual([['a'], ['b']])
    expect([world.calls('read'), world.calls('lease')]).toEqual([1, 1])
  })
})

test('an absence without a version is as true as what was seen: the value that is gone is not served on and on', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'v')
  await world.clock.advance(TTL.softMs)
  world.origin.drop(KEY)
  const isolate = world.isolate()
  expect((await isolate.read(KEY)).value).toBe('v')
  await isolate.settled()
  expect(isolate.eventsOf('fill-refused')).toEqual([])
  expect((await isolate.read(KEY)).value).toBeNull()
  expect((await world.isolate().read(KEY)).value).toBeNull()
})

test('an absence that the shared tier answers late ends what memory had: it was dropped, perhaps', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  const isolate = world.isolate()
  await isolate.read(KEY)
  await world.origin.publish(KEY, 'new')
  world.tier.latencyMs = 150 // beyond the soft deadline, within the hard one
  await world.clock.advance(MAX_AGE_MS)
  expect((await isolate.read(KEY)).value).toBe('old')
  await world.clock.advance(200)
  expect((await isolate.read(KEY)).value).toBe('new')
})

test('a row that was made anew with a lower version is believed once no replica can be that late', async () => {
  const world = createCacheWorld()
  for (const payload of ['1', '2', '3']) world.origin.write(KEY, payload)
  const isolate = world.isolate()
  await isolate.read(KEY)
  world.origin.drop(KEY)
  world.origin.write(KEY, 'anew')
  await world.tier.invalidate([{ key: KEY, truth: 9 }])
  await world.clock.advance(MAX_AGE_MS)
  expect((await isolate.read(KEY)).value).toBe('anew')
  await world.clock.advance(10_000)
  await isolate.read(KEY)
  await isolate.settled()
  expect(isolate.memory.get(KEY)).toMatchObject({ value: 'anew', truth: 1 })
})

test('what cannot be weighed is not kept, and takes nothing else out of memory', async () => {
  const world = createCacheWorld()
  for (const key of ['a', 'heavy']) world.origin.write(key, key)
  const isolate = world.isolate()
  await isolate.read('a')
  await isolate.settled()
  await isolate.readUnweighable('heavy')
  await isolate.settled()
  expect([isolate.memory.get('a')?.value, isolate.memory.get('heavy')]).toEqual(['a', undefined])
})

test('what is dead on arrival is loaded once for its reader, not three times', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v', { softMs: 0, hardMs: 0, graceMs: 0 })
  world.tier.down = true
  expect((await world.isolate({ breaker: { failures: 1, openMs: 60_000 } }).read(KEY)).value).toBe('v')
  expect(world.origin.loads).toHaveLength(1)
})

test('a reader whose old value dies while it waits gets the load it waited for, not an error', async () => {
  const world = createCacheWorld()
  await world.warm(KEY, 'old')
  await world.clock.advance(TTL.hardMs + TTL.graceMs - 5_000)
  const isolate = world.isolate()
  world.origin.write(KEY, 'new')
  const { graceEndsAtMs = 0 } = (await world.tier.read([KEY]))[0]?.life ?? {}
  await world.clock.advance(graceEndsAtMs - 100 - world.clock.nowMs())
  world.origin.latencyMs = 1_000
  expect((await isolate.read(KEY)).value).toBe('new')
})

test('a cold key whose load fails is not loaded by each reader where no lease can make it rest', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v')
  world.origin.down = true
  world.origin.latencyMs = 5
  world.tier.down = true
  const isolate = world.isolate({ breaker: { failures: 1, openMs: 60_000 } })
  const endsAtMs = world.clock.nowMs() + 8_000
  let errors = 0
  while (world.clock.nowMs() < endsAtMs) {
    await isolate.read(KEY).catch(() => errors++)
    await world.clock.advance(10)
  }
  expect(world.origin.loads.length).toBeLessThanOrEqual(12)
  expect(errors).toBeGreaterThan(500)
  world.origin.down = false
  await world.clock.advance(1_000)
  expect((await isolate.read(KEY)).value).toBe('v')
})

test('what cannot be decoded is not stored, and its loads back off', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, '!x')
  const isolate = world.isolate()
  const endsAtMs = world.clock.nowMs() + 8_000
  while (world.clock.nowMs() < endsAtMs) {
    await isolate.read(KEY).catch(() => {})
    await world.clock.advance(10)
  }
  expect(world.origin.loads.length).toBeLessThanOrEqual(12)
  expect((await world.tier.read([KEY]))[0]).toBeUndefined()
})

test('no key can have the name of another one’s flight', async () => {
  const world = createCacheWorld()
  const isolate = world.isolate()
  isolate.forget([KEY])
  const impostor = `${KEY}#${world.clock.nowMs()}`
  for (const key of [KEY, impostor]) world.origin.write(key, key)
  const [answer] = await world.clock.until(Promise.all([isolate.begin(KEY), isolate.begin(impostor)]))
  expect(answer?.value).toBe(KEY)
})
