import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import { untilValue } from './cache-client.ts'
import type { Case } from './case.ts'

const HOUR_MS = 3_600_000
/** The origin has replaced a value by this one, after a delete. */
const TOMBSTONE = { value: 'tomb', softMs: HOUR_MS, truth: 9 }

/** One load for the world, and no fill that is out of date. */
export const LEASE_CASES: readonly Case[] = [
  {
    promise: 'a cold key is loaded once for all isolates',
    without: ['lease', /loads: expected 3 to be 1/],
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'a' })
      const caches = [0, 1, 2].map((isolate) => world.cache(setup, isolate))
      const reads = caches.flatMap((cache) => Array.from({ length: 10 }, () => cache.get('a')))
      await eventually(async () => {
        const told = await Promise.all(caches.map(async (cache) => [...(await cache.events('leased')), ...(await cache.events('waited'))]))
        expect(told.filter((events) => events.length > 0)).toHaveLength(3)
      })
      // Without a lease nobody waits for it: each isolate loads, and soon.
      if (setup.switchedOff?.includes('lease')) await world.origin.asked('a', 3)
      load()
      expect(new Set((await Promise.all(reads)).map(({ value }) => value))).toEqual(new Set(['a']))
      expect(world.origin.loadsOf('a'), 'loads').toBe(1)
    },
  },
  {
    promise: 'in one isolate a key is loaded once, with or without L2',
    smoke: true,
    without: ['singleflight', /loads: expected \d+ to be 1/],
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'a' })
      const cache = world.cache({ ...setup, shared: false })
      const visits = Array.from({ length: 20 }, () => cache.visit('a'))
      await cache.readersCame(20)
      await world.origin.asked('a')
      load()
      const answers = await Promise.all(visits.map(({ answer }) => answer))
      expect(new Set(answers.map((answer) => answer?.value))).toEqual(new Set(['a']))
      expect(world.origin.loadsOf('a'), 'loads').toBe(1)
      expect((await cache.get('a')).events).toEqual([expect.objectContaining({ type: 'hits' })])
    },
  },
  {
    promise: 'a loser of the lease serves at once what is within its hard TTL',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -1, hardMs: HOUR_MS })
      await world.leaseAway('a')
      const cache = world.cache(setup)
      expect((await cache.get('a')).value).toBe('old')
      await eventually(async () => expect(await cache.events('leased')).toEqual([expect.objectContaining({ state: 'refused' })]))
      expect(world.origin.loadsOf('a')).toBe(0)
    },
  },
  {
    promise: 'a loser with nothing to serve waits for what the holder fills',
    async story(world, setup) {
      await world.leaseAway('a')
      const cache = world.cache(setup)
      const reads = [cache.get('a'), cache.get('a'), cache.get('a')]
      await eventually(async () => expect((await cache.events('leased')).length).toBeGreaterThan(1))
      await world.put('a', { value: 'theirs', softMs: HOUR_MS })
      expect((await Promise.all(reads)).map(({ value }) => value)).toEqual(['theirs', 'theirs', 'theirs'])
      expect(world.origin.loadsOf('a')).toBe(0)
    },
  },
  {
    promise: 'a loser goes alone when the holder never fills, and what it brings is kept nowhere: it may be untrue already',
    async story(world, setup) {
      const cache = world.cache({ ...setup, settings: { loadDeadlineMs: 1_000 } })
      // With another key, should this machine stand still for the second in which a loser looks again.
      await eventually(async () => {
        const before = (await cache.events('leased')).length
        const name = `a${before}`
        await world.leaseAway(name)
        world.origin.set(name, { value: 'mine' })
        expect((await cache.get(name)).value).toBe('mine')
        const [loaded] = (await cache.events('loaded')).slice(-1)
        expect(loaded).toMatchObject({ alone: true })
        const looks = (await cache.events('leased')).length - before
        expect(looks).toBeGreaterThan(1)
        expect(looks).toBeLessThan(14)
        expect([await world.stored(name), (await cache.peek(name)).value]).toEqual([undefined, undefined])
      })
    },
  },
  {
    promise: 'losers that go alone stay inside the bulkhead',
    async story(world, setup) {
      const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
      await Promise.all(names.map((name) => world.leaseAway(name)))
      for (const name of names) world.origin.set(name, { value: name, delayMs: 60 })
      const cache = world.cache({ ...setup, switchedOff: ['batching'], settings: { loadDeadlineMs: 3_000, maxLoads: 2 } })
      const answers = await Promise.all(names.map((name) => cache.get(name)))
      expect(world.origin.most()).toBe(2)
      for (const { value, error } of answers) expect(error ?? value).toMatch(/^[a-h]$|^Overloaded/)
    },
  },
  {
    promise: 'a fill is refused after an invalidation by another isolate, and nobody is left with the old value',
    smoke: true,
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'old' })
      const [reader, writer] = [0, 1].map((isolate) => world.cache({ ...setup, settings: { maxAgeMs: 100 } }, isolate))
      const read = reader?.get('a')
      await world.origin.asked('a')
      world.origin.set('a', { value: 'new' })
      expect((await writer?.invalidate('a'))?.status).toBe(200)
      load()
      await read
      await eventually(async () => expect(await reader?.events('fill-refused')).toHaveLength(1))
      expect((await reader?.peek('a'))?.value).toBe(undefined)
      expect([(await writer?.get('a'))?.value, (await reader?.get('a'))?.value]).toEqual(['new', 'new'])
    },
  },
  {
    promise: "what another isolate invalidated is served no longer than memory's max age",
    async story(world, setup) {
      const maxAgeMs = 500
      await world.put('a', { value: 'old', softMs: HOUR_MS })
      world.origin.set('a', { value: 'new' })
      const [reader, writer] = [0, 1].map((isolate) => world.cache({ ...setup, settings: { maxAgeMs } }, isolate))
      await untilValue(() => reader?.get('a') ?? Promise.reject(), 'old')
      await writer?.invalidate('a')
      const confirmedAtMs = Date.now()
      await eventually(async () => {
        const answer = await reader?.get('a')
        if (answer?.value === 'old') expect(answer.startedAtMs).toBeLessThan(confirmedAtMs + maxAgeMs)
        expect(answer?.value).toBe('new')
      })
    },
  },
  {
    promise: 'who invalidates in this isolate gets the new value at once, though an old load is in the air',
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'old' })
      const cache = world.cache(setup)
      const read = cache.get('a')
      await world.origin.asked('a')
      world.origin.set('a', { value: 'new' })
      await cache.invalidate('a')
      expect((await cache.get('a')).value).toBe('new')
      load()
      await read
      expect((await cache.get('a')).value).toBe('new')
    },
  },
  {
    promise: 'a fill does not replace a tombstone',
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'old', version: 3 })
      const cache = world.cache(setup)
      const read = cache.get('a')
      await world.origin.asked('a')
      await world.put('a', TOMBSTONE)
      load()
      await read
      await eventually(async () => expect(await cache.events('fill-refused')).toHaveLength(1))
      expect([(await world.stored('a'))?.payload, (await cache.get('a')).value]).toEqual(['"tomb"', 'tomb'])
    },
  },
  {
    promise: 'a load that brings an older version than L2 has is refused, and its readers keep what they had',
    async story(world, setup) {
      await world.put('a', { value: 'v7', softMs: -1, hardMs: HOUR_MS, truth: 7 })
      world.origin.set('a', { value: 'v3', version: 3 })
      const cache = world.cache(setup)
      expect((await cache.get('a')).value).toBe('v7')
      await eventually(async () => expect((await cache.events('fill-refused')).length).toBeGreaterThan(0))
      expect([(await world.stored('a'))?.payload, (await cache.peek('a')).value]).toEqual(['"v7"', undefined])
      expect((await cache.get('a')).value).toBe('v7')
      world.origin.set('a', { value: 'v8', version: 8 })
      await untilValue(() => cache.get('a'), 'v8')
    },
  },
  {
    promise: 'an invalidation that L2 did not confirm is rejected',
    async story(world, setup) {
      world.setFault(() => ({ reset: true }))
      expect((await world.cache(setup).invalidate('a')).status).toBe(503)
    },
  },
  {
    promise: 'a value in a format that is unknown is a miss, and is replaced',
    async story(world, setup) {
      await world.putText('a', '9'.repeat(80))
      await world.put('b', { value: 'b', softMs: HOUR_MS })
      await world.putText('b', `${'1'.padEnd(72, '0')}+{`)
      world.origin.set('a', { value: 'a' })
      world.origin.set('b', { value: 'b' })
      const { value } = await world.cache(setup).many(['a', 'b'])
      expect(value).toEqual({ a: 'a', b: 'b' })
      await eventually(async () => expect((await world.stored('a'))?.payload).toBe('"a"'))
    },
  },
]
