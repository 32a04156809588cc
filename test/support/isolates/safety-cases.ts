import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import { type IsolateCache, untilValue, type Visit } from './cache-client.ts'
import type { Case } from './case.ts'
import type { World } from './world.ts'

const HOUR_MS = 3_600_000
/** What a leader handed to `waitUntil` is dropped at once: it lives no longer than its client stays. */
const CUT = 0
/** Short, since followers take a dead leader's flight over only when it could not land any more. */
const BRIEF = { sharedDeadlineMs: 600, settings: { loadDeadlineMs: 600 } }
/** The same, with time for the followers to come before the load that the leader dies in is given up. */
const BRIEF_LOAD = { sharedDeadlineMs: 600, settings: { loadDeadlineMs: 2_000 } }
const FOLLOWERS = 10

/** Followers of a leader who dies: none hangs, none fails, and the key lives on. */
async function expectAllServed(followers: readonly Visit[], cache: IsolateCache, value: string): Promise<void> {
  const answers = await Promise.all(followers.map(({ answer }) => answer))
  expect(answers.map((answer) => answer?.error ?? answer?.value)).toEqual(Array(followers.length).fill(value))
  expect((await cache.get('a')).value).toBe(value)
}

/** Followers of the one who has come to an isolate. */
async function follow(cache: IsolateCache): Promise<readonly Visit[]> {
  const followers = Array.from({ length: FOLLOWERS }, () => cache.visit('a'))
  await cache.readersCame(1 + FOLLOWERS)
  return followers
}

/** Nothing that a leader left behind outlives the value: what the origin says later is what is read. */
async function expectNotPoisoned(world: World, cache: IsolateCache): Promise<void> {
  world.origin.set('a', { value: 'later' })
  await untilValue(() => cache.get('a'), 'later')
}

/** What may happen to a leader, and to the isolate: nobody hangs, no key stays broken. */
export const SAFETY_CASES: readonly Case[] = [
  {
    promise: "when the leader's client leaves, its followers get what it loads: one load, and the key is fine",
    async story(world, setup) {
      const load = world.origin.hold('a', { value: 'a' })
      const cache = world.cache(setup)
      const leader = cache.visit('a')
      await world.origin.asked('a')
      const followers = await follow(cache)
      leader.leave()
      await leader.answer
      load()
      await expectAllServed(followers, cache, 'a')
      expect(world.origin.loadsOf('a')).toBe(1)
    },
  },
  {
    promise: 'when the leader dies in its load, a follower takes the flight over',
    async story(world, setup) {
      world.origin.set('a', { hangs: true }, { value: 'a' })
      const cache = world.cache({ ...setup, ...BRIEF_LOAD })
      const leader = cache.visit('a', CUT)
      await world.origin.asked('a')
      const followers = await follow(cache)
      leader.leave()
      await expectAllServed(followers, cache, 'a')
    },
  },
  {
    promise: 'when the leader dies in its read of L2, a follower takes the flight over',
    async story(world, setup) {
      await world.put('a', { value: 'a', softMs: HOUR_MS })
      world.origin.set('a', { value: 'a' })
      const asked = Promise.withResolvers<void>()
      world.setFault(() => {
        asked.resolve()
        return { hang: true }
      })
      const cache = world.cache({ ...setup, ...BRIEF })
      const leader = cache.visit('a', CUT)
      await asked.promise
      const followers = await follow(cache)
      world.setFault(undefined)
      leader.leave()
      await expectAllServed(followers, cache, 'a')
    },
  },
  {
    promise: 'when the leader dies in its fill, what it loaded lives no longer than it may',
    async story(world, setup) {
      world.origin.set('a', { value: 'a' })
      const cache = world.cache({ ...setup, ...BRIEF, lifetimes: { softMs: 300, hardMs: 300, graceMs: 0 } })
      await untilValue(() => cache.get('a', CUT), 'a') // answered before its fill, it is gone with its answer
      await expectNotPoisoned(world, cache)
    },
  },
  {
    promise: 'when the work behind a stale answer is cut, readers go on with the stale value, and later get the new one',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -1, hardMs: HOUR_MS })
      world.origin.set('a', { hangs: true }, { value: 'new' })
      const cache = world.cache({ ...setup, ...BRIEF })
      await untilValue(() => cache.get('a', 30), 'old')
      const answers = await Promise.all(Array.from({ length: 20 }, () => cache.get('a')))
      for (const { error, value } of answers) expect(['old', 'new']).toContain(error ?? value)
      await untilValue(() => cache.get('a'), 'new')
    },
  },
  {
    promise: 'a dead leader does not keep its place in the bulkhead',
    async story(world, setup) {
      world.origin.set('a', { hangs: true })
      world.origin.set('b', { value: 'b' })
      const cache = world.cache({ ...setup, sharedDeadlineMs: 600, settings: { loadDeadlineMs: 600, maxLoads: 1 } })
      const leader = cache.visit('a', CUT)
      await world.origin.asked('a')
      leader.leave()
      await untilValue(() => cache.get('b'), 'b')
    },
  },
  {
    promise: 'when the leader throws, everybody who waited is told, and the next reader tries again',
    smoke: true,
    async story(world, setup) {
      const fail = world.origin.hold('a', { throws: 'boom' })
      const cache = world.cache(setup)
      const leader = cache.visit('a')
      await world.origin.asked('a')
      const followers = await follow(cache)
      fail()
      const answers = await Promise.all([leader, ...followers].map(({ answer }) => answer))
      for (const answer of answers) expect(answer).toMatchObject({ status: 503, error: 'TypeError: boom' })
      await expectNotPoisoned(world, cache)
    },
  },
  {
    promise: 'a follower who may serve something else leaves at its own deadline, whatever the leader does',
    async story(world, setup) {
      await world.put('a', { value: 'old', softMs: -2, hardMs: -1, graceMs: HOUR_MS })
      world.origin.set('a', { hangs: true })
      const cache = world.cache({ ...setup, settings: { loadSoftMs: 100, loadDeadlineMs: HOUR_MS } })
      expect((await cache.get('a', CUT)).value).toBe('old') // its flight is left behind, dead
      const answers = await Promise.all(Array.from({ length: FOLLOWERS }, () => cache.get('a')))
      expect(new Set(answers.map(({ value }) => value))).toEqual(new Set(['old']))
    },
  },
  {
    promise: '500 keys at once are all answered, a third of whose readers leave',
    alone: true,
    async story(world, setup) {
      const names = Array.from({ length: 500 }, (_, i) => `k${i}`)
      for (const name of names) world.origin.set(name, { value: name, delayMs: 20 })
      const cache = world.cache({ ...setup, quiet: true })
      const visits = names.map((name) => cache.visit(name))
      await Promise.race(names.map((name) => world.origin.asked(name)))
      const [stay, leave] = [visits.filter((_, i) => i % 3 !== 0), visits.filter((_, i) => i % 3 === 0)]
      for (const visit of leave) visit.leave()
      const answers = await Promise.all(stay.map(({ answer }) => answer))
      expect(answers.map((answer) => answer?.error ?? answer?.value)).toEqual(names.filter((_, i) => i % 3 !== 0))
      const page = await cache.many(names)
      expect(page.value).toEqual(Object.fromEntries(names.map((name) => [name, name])))
    },
  },
  {
    promise: 'a value that memory has no room for is answered all the same',
    smoke: true,
    async story(world, setup) {
      world.origin.set('a', { value: 'a' })
      world.origin.set('b', { value: 'b' })
      const cache = world.cache({ ...setup, refuses: { sizeOf: [1], slots: [world.key('b')] } })
      for (const name of ['a', 'b']) {
        expect((await cache.get(name)).value).toBe(name)
        await eventually(async () => expect((await cache.events('memory-refused')).map(({ key }) => key)).toContain(world.key(name)))
        expect((await cache.get(name)).value).toBe(name)
        expect((await cache.get(name)).events).toEqual([expect.objectContaining({ type: 'hits' })])
      }
    },
  },
  {
    promise: 'a value from L2 that could not be decoded is loaded, and the key is fine',
    async story(world, setup) {
      await world.put('a', { value: 'a', softMs: HOUR_MS })
      world.origin.set('a', { value: 'b' })
      const cache = world.cache({ ...setup, refuses: { decode: [1] } })
      expect(['a', 'b']).toContain((await cache.get('a')).value)
      expect(await cache.events('undecodable')).toHaveLength(1)
      expect((await cache.get('a')).status).toBe(200)
    },
  },
  {
    promise: 'a loaded value that could not be encoded or decoded is told its readers alone, and the next one has it',
    async story(world, setup) {
      for (const name of ['a', 'b', 'c']) world.origin.set(name, { value: name })
      const cache = world.cache({ ...setup, refuses: { decode: [1] } })
      expect((await cache.many(['a', 'b'])).value).toEqual({ b: 'b' })
      const other = world.cache({ ...setup, refuses: { encode: [1] } }, 1)
      expect((await other.many(['c', 'd'])).value, 'one that cannot be encoded').toEqual({ d: null })
      await untilValue(() => cache.get('a'), 'a')
      await untilValue(() => other.get('c'), 'c')
    },
  },
]
