import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import { untilValue } from './cache-client.ts'
import type { Case } from './case.ts'

const HOUR_MS = 3_600_000
/** The waits after failures one after the other, at their shortest (milliseconds). */
const WAITS_MS = [225, 450, 810]
const COLD = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5']

/** Deadlines, back-off, breaker, and pages of many keys. */
export const FAILURE_CASES: readonly Case[] = [
  {
    promise: 'a load that is never answered is given up at its deadline, and the next one may succeed',
    smoke: true,
    async story(world, setup) {
      world.origin.set('a', { hangs: true })
      const cache = world.cache({ ...setup, settings: { loadDeadlineMs: 2_000 } })
      const answers = await Promise.all(Array.from({ length: 10 }, () => cache.get('a')))
      for (const answer of answers) expect(answer).toMatchObject({ status: 503, error: 'DeadlineExceeded: no answer within 2000 ms' })
      expect(world.origin.loadsOf('a')).toBe(1)
      world.origin.set('a', { value: 'a' })
      await untilValue(() => cache.get('a'), 'a')
    },
  },
  {
    promise: 'while loads fail the stale value is served and the origin is left alone, longer each time; afterwards the new value comes',
    without: ['backoff', /left alone for/],
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -1, hardMs: HOUR_MS })
      world.origin.set('a', { status: 500 })
      const cache = world.cache({ ...setup, settings: { maxAgeMs: HOUR_MS } })
      await eventually(async () => {
        expect((await cache.get('a')).value).toBe('old')
        expect(world.origin.momentsOf('a').length).toBeGreaterThan(WAITS_MS.length)
      })
      const moments = world.origin.momentsOf('a')
      for (const [i, waitMs] of WAITS_MS.entries()) {
        expect((moments[i + 1] ?? 0) - (moments[i] ?? 0), 'left alone for').toBeGreaterThanOrEqual(waitMs)
      }
      world.origin.set('a', { value: 'new' })
      await untilValue(() => cache.get('a'), 'new')
    },
  },
  {
    promise: 'a reader with nothing else waits for a silent L2 no longer than its deadline',
    async story(world, setup) {
      world.setFault(() => ({ hang: true }))
      world.origin.set('a', { value: 'a' })
      const cache = world.cache({ ...setup, sharedDeadlineMs: 300 })
      expect((await cache.get('a')).value).toBe('a')
      const { value, events } = await cache.get('a')
      expect([value, events.map(({ type }) => type)]).toEqual(['a', ['hits']])
    },
  },
  {
    promise: 'a reader who has a value waits for a silent L2 no longer than the soft deadline, and is told that it is unverified',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: HOUR_MS })
      const cache = world.cache({ ...setup, sharedDeadlineMs: HOUR_MS, settings: { maxAgeMs: 1, sharedSoftMs: 50 } })
      await cache.get('a')
      world.setFault(() => ({ hang: true }))
      const { value, events } = await cache.get('a')
      expect([value, events.at(-1)]).toEqual(['old', expect.objectContaining({ type: 'answered', layer: 'memory', unverified: true })])
    },
  },
  {
    promise: 'while the breaker is open no reader waits for L2, and when L2 is back it is used again',
    without: ['breaker', /waited for L2/],
    async story(world, setup) {
      world.setFault(() => ({ reset: true }))
      for (const name of [...COLD, 'a', 'b']) world.origin.set(name, { value: name })
      const cache = world.cache({ ...setup, settings: { maxAgeMs: 1 } })
      for (const name of COLD) expect((await cache.get(name)).value).toBe(name)
      const before = (await cache.events('waited')).filter(({ layer }) => layer === 'shared').length
      for (const name of ['a', 'b']) expect((await cache.get(name)).value).toBe(name)
      const after = (await cache.events('waited')).filter(({ layer }) => layer === 'shared').length
      expect(after - before, 'waited for L2').toBe(0)
      world.setFault(undefined)
      await world.put('a', { value: 'shared', softMs: HOUR_MS })
      await untilValue(() => cache.get('a'), 'shared')
    },
  },
  {
    promise: 'when Redis forgets the scripts nobody sees it',
    async story(world, setup) {
      let asked = 0
      world.setFault(({ commands: [command = []] }) =>
        command[0]?.toUpperCase() === 'EVALSHA' && asked++ === 0 ? { status: 400, error: 'NOSCRIPT No matching script.' } : undefined,
      )
      world.origin.set('a', { value: 'a' })
      expect((await world.cache(setup).get('a')).value).toBe('a')
      await eventually(async () => expect((await world.stored('a'))?.payload).toBe('"a"'))
    },
  },
  {
    promise: 'a page of 20 keys costs one MGET; where all are missing, one lease, one load and one fill more',
    smoke: true,
    async story(world, setup) {
      const names = Array.from({ length: 20 }, (_, i) => `k${i}`)
      for (const name of names) world.origin.set(name, { value: name })
      const page = Object.fromEntries(names.map((name) => [name, name]))
      expect((await world.cache(setup).many(names)).value).toEqual(page)
      await eventually(async () => expect(await Promise.all(names.map(world.stored))).not.toContain(undefined))
      expect([world.commands('MGET'), world.commands('EVALSHA'), world.origin.loads().map((keys) => keys.length)]).toEqual([1, 2, [20]])
      expect((await world.cache(setup, 1).many(names)).value).toEqual(page)
      expect([world.commands('MGET'), world.commands('EVALSHA')]).toEqual([2, 2])
    },
  },
  {
    promise: 'keys that are asked for one by one in a turn travel together all the same',
    without: ['batching', /MGETs/],
    async story(world, setup) {
      const names = Array.from({ length: 20 }, (_, i) => `k${i}`)
      for (const name of names) world.origin.set(name, { value: name })
      expect((await world.cache(setup).each(names)).value).toEqual(names)
      expect(world.commands('MGET'), 'MGETs').toBe(1)
      expect(world.origin.loads()).toHaveLength(1)
    },
  },
  {
    promise: 'what other requests miss in the same turn travels along',
    without: ['batching', /loads of 40 requests/],
    async story(world, setup) {
      const load = world.origin.hold('z', { value: 'z' })
      const cache = world.cache(setup)
      const other = cache.get('z')
      await world.origin.asked('z')
      // Whether requests come in the same turn is up to the machine as well: to one of five crowds they do.
      const costs: number[] = []
      for (let crowd = 0; crowd < 5 && !costs.some((loads) => loads < 30); crowd++) {
        const names = Array.from({ length: 40 }, (_, i) => `k${crowd}.${i}`)
        for (const name of names) world.origin.set(name, { value: name })
        const before = world.origin.loads().length
        const answers = await Promise.all(names.map((name) => cache.get(name)))
        expect(answers.map(({ value }) => value)).toEqual(names)
        costs.push(world.origin.loads().length - before)
      }
      expect(Math.min(...costs), 'loads of 40 requests').toBeLessThan(30)
      load()
      await other
    },
  },
  {
    promise: 'one key that could not be had fails alone',
    async story(world, setup) {
      world.origin.set('a', { error: 'gone' })
      world.origin.set('b', { value: 'b' })
      const cache = world.cache(setup)
      expect((await cache.many(['a', 'b'])).value).toEqual({ b: 'b' })
      expect(await cache.get('a')).toMatchObject({ status: 503, error: 'Error: gone' })
      world.origin.set('a', { value: 'a' })
      await untilValue(() => cache.get('a'), 'a')
    },
  },
  {
    promise: 'where the loader knows one key at a time, none waits for the load of another, nor fails with it',
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'a' })
      world.origin.set('b', { value: 'b' })
      world.origin.set('c', { status: 500 })
      const cache = world.cache({ ...setup, oneByOne: true })
      const page = cache.many(['a', 'b', 'c'])
      await world.origin.asked('a')
      expect((await cache.get('b')).value).toBe('b')
      load()
      expect((await page).value).toEqual({ a: 'a', b: 'b' })
    },
  },
  {
    promise: 'each key of a page has its own flight: one that is in the air is waited for, one that fails is left out',
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'a' })
      const fail = world.origin.hold('b', { status: 500 })
      for (const name of ['c', 'd']) world.origin.set(name, { value: name })
      const cache = world.cache(setup)
      const a = cache.get('a')
      await world.origin.asked('a')
      const b = cache.get('b')
      await world.origin.asked('b')
      const page = cache.many(['a', 'b', 'c', 'd'])
      await world.origin.asked('d')
      fail()
      load()
      expect([(await a).value, (await b).status]).toEqual(['a', 503])
      expect((await page).value).toEqual({ a: 'a', c: 'c', d: 'd' })
      expect(['a', 'b', 'c', 'd'].map(world.origin.loadsOf)).toEqual([1, 1, 1, 1])
    },
  },
]
