import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import { untilValue } from './cache-client.ts'
import type { Case } from './case.ts'

const HOUR_MS = 3_600_000
/** So eager that every reader of a fresh value volunteers, but one in thousands. */
const EAGER = { beta: 1e9 }

/** The five words, and what a reader does at each. */
export const FRESHNESS_CASES: readonly Case[] = [
  {
    promise: 'a fresh value is served from L2, then from memory, and nobody loads',
    smoke: true,
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: HOUR_MS })
      const cache = world.cache({ ...setup, settings: { maxAgeMs: HOUR_MS } })
      const first = await cache.get('a')
      expect([first.value, first.events.at(-1)]).toEqual(['old', expect.objectContaining({ layer: 'shared', freshness: 'fresh' })])
      const second = await cache.get('a')
      expect([second.value, second.events.map(({ type }) => type)]).toEqual(['old', ['hits']])
      expect((await cache.peek('a')).value).toBe('old')
      expect(world.origin.loadsOf('a')).toBe(0)
    },
  },
  {
    promise: 'near its soft end a fresh value is refreshed by a volunteer, behind the answer, once for the world',
    without: ['xfetch', /volunteers/],
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: HOUR_MS, deltaMs: 50 })
      const load = world.origin.hold('a', { value: 'new' })
      const caches = [0, 1, 2].map((isolate) => world.cache({ ...setup, settings: EAGER }, isolate))
      const answers = await Promise.all(caches.flatMap((cache) => [cache.get('a'), cache.get('a'), cache.get('a')]))
      expect(new Set(answers.map(({ value }) => value))).toEqual(new Set(['old']))
      const told = await Promise.all(caches.map((cache) => cache.events('volunteered')))
      expect(told.flat().length, 'volunteers').toBeGreaterThan(0)
      await eventually(async () =>
        expect((await Promise.all(caches.map((cache) => cache.events('leased')))).flat().length).toBeGreaterThan(2),
      )
      await world.origin.asked('a')
      expect(world.origin.loadsOf('a')).toBe(1)
      load()
      await eventually(async () => expect((await world.stored('a'))?.payload).toBe('"new"'))
    },
  },
  {
    promise: 'nobody volunteers while the breaker is open',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: HOUR_MS, deltaMs: 50 })
      world.origin.set('a', { value: 'old' })
      const cache = world.cache({ ...setup, settings: { ...EAGER, maxAgeMs: HOUR_MS } })
      await cache.get('a')
      await eventually(async () => expect((await cache.events('volunteered')).length).toBeGreaterThan(0))
      await eventually(async () => expect(await cache.events('loaded')).toHaveLength((await cache.events('volunteered')).length))
      world.setFault(() => ({ reset: true }))
      for (const name of ['b', 'c', 'd', 'e', 'f', 'g']) await cache.get(name)
      const { value, events } = await cache.get('a')
      expect([value, events.filter(({ type }) => type === 'volunteered')]).toEqual(['old', []])
    },
  },
  {
    promise: 'nobody volunteers while the limiter is full',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: HOUR_MS, deltaMs: 50 })
      world.origin.set('a', { value: 'new' })
      const load = world.origin.hold('b', { value: 'b' })
      const cache = world.cache({ ...setup, settings: { ...EAGER, maxLoads: 1 } })
      const other = cache.get('b')
      await world.origin.asked('b')
      await cache.get('a')
      expect(await cache.events('volunteered')).toEqual([])
      load()
      await other
      await eventually(async () => {
        await cache.get('a')
        expect((await cache.events('volunteered')).length).toBeGreaterThan(0)
      })
    },
  },
  {
    promise: 'the delta of a slow load is capped at a quarter of the soft TTL',
    async story(world, setup) {
      world.origin.set('a', { value: 'a', delayMs: 300 })
      await world.cache({ ...setup, lifetimes: { softMs: 400, hardMs: HOUR_MS } }).get('a')
      await eventually(async () => expect((await world.stored('a'))?.deltaMs).toBe(100))
    },
  },
  {
    promise: 'a stale value is served at once while one load runs behind, however many read',
    smoke: true,
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -1, hardMs: HOUR_MS })
      const load = world.origin.hold('a', { value: 'new' })
      const caches = [0, 1, 2].map((isolate) => world.cache(setup, isolate))
      const answers = await Promise.all(caches.flatMap((cache) => Array.from({ length: 10 }, () => cache.get('a'))))
      expect(new Set(answers.map(({ value }) => value))).toEqual(new Set(['old']))
      await world.origin.asked('a')
      expect(world.origin.loadsOf('a')).toBe(1)
      load()
      await Promise.all(caches.map((cache) => untilValue(() => cache.get('a'), 'new')))
      expect(world.origin.loadsOf('a')).toBe(1)
    },
  },
  {
    promise: 'in grace a reader waits for a load',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -2, hardMs: -1, graceMs: HOUR_MS })
      const load = world.origin.hold('a', { value: 'new' })
      const visit = world.cache(setup).visit('a')
      await world.origin.asked('a')
      expect(visit.answered).toBe(false)
      load()
      expect((await visit.answer)?.value).toBe('new')
    },
  },
  {
    promise: 'in grace a failing load leaves the old value, and the next readers do not wait',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -2, hardMs: -1, graceMs: HOUR_MS })
      world.origin.set('a', { status: 500 })
      const cache = world.cache(setup)
      const first = await cache.get('a')
      expect([first.value, first.events.at(-1)]).toEqual(['old', expect.objectContaining({ type: 'answered', freshness: 'grace' })])
      world.origin.set('a', { value: 'new' })
      await untilValue(() => cache.get('a'), 'new')
    },
  },
  {
    promise: 'in grace a slow load is waited for no longer than the soft deadline says',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -2, hardMs: -1, graceMs: HOUR_MS })
      const load = world.origin.hold('a', { value: 'new' })
      const cache = world.cache({ ...setup, settings: { loadSoftMs: 50, loadDeadlineMs: HOUR_MS } })
      expect((await cache.get('a')).value).toBe('old')
      load()
      await untilValue(() => cache.get('a'), 'new')
      expect(world.origin.loadsOf('a')).toBe(1)
    },
  },
  {
    promise: 'a dead value is served to nobody: its readers wait, or are told what the load says',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -3, hardMs: -2, graceMs: -1 })
      world.origin.set('a', { status: 500 })
      const cache = world.cache(setup)
      expect(await cache.get('a')).toMatchObject({ status: 503, error: 'Error: the origin answered 500' })
      world.origin.set('a', { value: 'new' })
      await untilValue(() => cache.get('a'), 'new')
    },
  },
  {
    promise: 'an end is absolute: a copy in another isolate lives no longer than the first',
    async story(world, setup) {
      const endsAtMs = Date.now() + 4_000
      await world.put('a', { value: 'old', softMs: endsAtMs - Date.now() })
      world.origin.set('a', { value: 'new' })
      const answers = await Promise.all(
        [0, 1].map(async (isolate) => {
          const cache = world.cache({ ...setup, settings: { maxAgeMs: HOUR_MS } }, isolate)
          const old: number[] = []
          await eventually(async () => {
            const { value, startedAtMs } = await cache.get('a')
            if (value === 'old') old.push(startedAtMs)
            expect(value).toBe('new')
          })
          return old
        }),
      )
      expect(answers.flat().length).toBeGreaterThan(0)
      for (const startedAtMs of answers.flat()) expect(startedAtMs).toBeLessThan(endsAtMs)
    },
  },
  {
    promise: 'what was loaded together does not expire together',
    async story(world, setup) {
      const names = Array.from({ length: 30 }, (_, i) => `k${i}`)
      for (const name of names) world.origin.set(name, { value: name })
      await world.cache({ ...setup, lifetimes: { softMs: 100_000 } }).many(names)
      const ends = await eventually(async () => {
        const stored = await Promise.all(names.map(world.stored))
        expect(stored).not.toContain(undefined)
        return stored.map((value) => value?.softExpiresAtMs ?? 0)
      })
      const spreadMs = Math.max(...ends) - Math.min(...ends)
      expect(spreadMs).toBeGreaterThan(1_000)
      expect(spreadMs).toBeLessThanOrEqual(5_000)
    },
  },
  {
    promise: 'a value decides how long it lives',
    async story(world, setup) {
      world.origin.set('a', { value: 'a', lifetimes: { softMs: 1_000_000, hardMs: 2_000_000, graceMs: 0 } })
      world.origin.set('b', { value: 'b' })
      const startedAtMs = Date.now()
      await world.cache({ ...setup, lifetimes: { softMs: 1_000, hardMs: 2_000, graceMs: 500_000 } }).many(['a', 'b'])
      const [a, b] = await eventually(async () => {
        const both = await Promise.all(['a', 'b'].map(world.stored))
        expect(both).not.toContain(undefined)
        return both
      })
      expect(a?.softExpiresAtMs).toBeGreaterThan(startedAtMs + 890_000)
      expect(a?.graceEndsAtMs).toBe(a?.hardExpiresAtMs)
      expect(b?.hardExpiresAtMs).toBeLessThan(startedAtMs + 500_000)
      expect(b?.graceEndsAtMs).toBe((b?.hardExpiresAtMs ?? 0) + 500_000)
    },
  },
  {
    promise: 'an absence is remembered, by memory and by L2, and not for long',
    async story(world, setup) {
      const caches = [0, 1].map((isolate) => world.cache({ ...setup, lifetimes: { absentMs: HOUR_MS } }, isolate))
      const [first, second] = caches
      expect([(await first?.get('a'))?.value, (await first?.get('a'))?.value]).toEqual([null, null])
      await eventually(async () => expect(await world.stored('a')).toMatchObject({ payload: null }))
      expect((await second?.get('a'))?.value).toBe(null)
      expect(world.origin.loadsOf('a')).toBe(1)
      world.origin.set('b', { value: null, lifetimes: { absentMs: 300 } })
      expect((await first?.get('b'))?.value).toBe(null)
      world.origin.set('b', { value: 'new' })
      await Promise.all(caches.map((cache) => untilValue(() => cache.get('b'), 'new')))
    },
  },
]
