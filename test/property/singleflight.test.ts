import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CacheEvent } from '../../worker/cache/events.ts'
import type { Turn } from '../../worker/cache/reader.ts'
import { createSingleflight, type Tower } from '../../worker/cache/singleflight.ts'
import { createVirtualClock } from '../support/virtual-clock.ts'

const FLIGHT_MS = 1_000
/** How often a reader takes over before it gives up. */
const ATTEMPTS = 3
type Fly = (keys: readonly string[], tower: Tower<string>) => Promise<void>

/** Flights as readers see them who say how their own keys are to be flown: whoever leads decides for all on board. */
function setUp({ enabled = true, gathers = true, timeless = false } = {}) {
  const clock = createVirtualClock()
  let dying = false
  /** Where a scheduler decides who is next, nobody advances the clock: a turn of the event loop is a real one. */
  const loopTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
  const sleep: typeof clock.sleep = (ms, signal) => (dying ? never() : timeless && ms === 0 ? loopTurn() : clock.sleep(ms, signal))
  const flights = createSingleflight<Fly, string>({
    fly: (cargo, tower) => ([...cargo.values()][0] as Fly)([...cargo.keys()], tower),
    clock: { nowMs: clock.nowMs, sleep },
    flightMs: FLIGHT_MS,
    enabled,
    gathers,
  })
  const run = (keys: readonly string[], fly: Fly, turn: Turn, patienceMs?: number) =>
    flights.run(new Map(keys.map((key) => [key, fly])), turn, patienceMs)
  /** A request that leads and is cancelled at once: neither its work nor its timers go on. */
  function leadAndDie(keys: readonly string[], fly: Fly = never) {
    dying = true
    void run(keys, fly, passenger())
    dying = false
  }
  return { clock, flights: { run, landed: flights.landed, size: () => flights.size }, leadAndDie }
}
const never = () => new Promise<never>(() => {})
const passenger = () => {
  const adopted: Promise<unknown>[] = []
  const took: string[] = []
  return {
    adopted,
    took,
    dice: 0,
    reader: { waitUntil: (work: Promise<unknown>) => void adopted.push(work) },
    leastTruth: () => 0,
    observe: (event: CacheEvent) => void (event.type === 'taken-over' && took.push(event.key)),
  }
}
type Flights = ReturnType<typeof setUp>['flights']
const landAll: Fly = async (keys, tower) => {
  for (const key of keys) tower.land(key, key)
}

const someKeys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 })
/** How a key's load ends: with a value, with an error of its own, unreported, or with all that flew along. */
const anyEnd = fc.constantFrom('land', 'land', 'land', 'crash', 'forget', 'throw')

/** Readers whose loads begin and end in an order of the scheduler's choice; the most loads of one key that were in the air at once. */
async function interleave(flights: Flights, s: fc.Scheduler, readers: readonly (readonly string[])[], ends: readonly string[]) {
  const inTheAir = new Map<string, number>()
  let most = 0
  let loads = 0
  const fly: Fly = async (keys, tower) => {
    await Promise.all(
      keys.map(async (key) => {
        const now = (inTheAir.get(key) ?? 0) + 1
        inTheAir.set(key, now)
        most = Math.max(most, now)
        const end = ends[loads++ % ends.length]
        await s.schedule(Promise.resolve(), `load of ${key}`) // a seed decides who lands next
        inTheAir.set(key, (inTheAir.get(key) ?? 0) - 1)
        if (end === 'land') tower.land(key, `value of ${key}`)
        if (end === 'crash') tower.crash(key, new RangeError(`no ${key}`))
        if (end === 'throw') throw new Error('all fell')
      }),
    )
  }
  const reads = readers.map((keys) => s.schedule(Promise.resolve(), 'a reader').then(() => flights.run(keys, fly, passenger())))
  const outcomes = await s.waitFor(Promise.all(reads))
  await s.waitIdle()
  return { most, loads, outcomes }
}

test('however loads interleave, a key never has two in the air, and every waiter ends', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(someKeys, { maxLength: 12 }),
      fc.array(fc.constantFrom('land', 'crash', 'forget'), { minLength: 1 }),
      async (s, readers, ends) => {
        const { flights, clock } = setUp({ timeless: true })
        const { most, outcomes } = await interleave(flights, s, readers, ends)
        expect(most).toBeLessThanOrEqual(1)
        for (const [i, keys] of readers.entries()) expect([...(outcomes[i]?.keys() ?? [])].sort()).toEqual([...keys].sort())
        expect([flights.size(), clock.sleeping]).toEqual([0, 0])
      },
    ),
  ))

test('switched off, the same readers load side by side', async () => {
  const { flights } = setUp({ enabled: false })
  const most: number[] = []
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (s) => {
      const crowd = await interleave(flights, s, Array(5).fill(['a']), ['land'])
      expect(crowd.loads).toBe(5)
      most.push(crowd.most)
    }),
    { numRuns: 20 },
  )
  expect(Math.max(...most)).toBeGreaterThan(1)
})

test('a waiter gets what became of its own keys: a value, or the error of that key', () =>
  fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(someKeys, { minLength: 1, maxLength: 8 }),
      fc.array(anyEnd, { minLength: 1 }),
      async (s, readers, ends) => {
        const { flights } = setUp({ timeless: true })
        const { outcomes } = await interleave(flights, s, readers, ends)
        for (const outcome of outcomes) {
          for (const [key, result] of outcome) {
            if ('value' in result) expect(result.value).toBe(`value of ${key}`)
            else expect([`no ${key}`, 'all fell', 'nothing was reported']).toContain(result.error.message)
          }
        }
      },
    ),
  ))

test('an error is of one key, and is never cached', async () => {
  const { flights } = setUp()
  const first = await flights.run(
    ['a', 'b'],
    async (_, tower) => {
      tower.land('a', 'A')
      tower.crash('b', new RangeError('no b'))
    },
    passenger(),
  )
  expect(first.get('a')).toEqual({ value: 'A', led: true })
  expect(first.get('b')).toEqual({ error: expect.objectContaining({ message: 'no b' }) })
  expect((await flights.run(['b'], landAll, passenger())).get('b')).toEqual({ value: 'b', led: true })
})

test('an error keeps its name and nothing else of the request it came from', async () => {
  const { flights } = setUp()
  const cause = Object.assign(new RangeError('no a'), { request: { secret: true } })
  const outcome = (await flights.run(['a'], (_, tower) => Promise.resolve(tower.crash('a', cause)), passenger())).get('a')
  const error = outcome && 'error' in outcome ? outcome.error : undefined
  expect(error).not.toBe(cause)
  expect(Object.keys(error ?? {})).not.toContain('request')
  expect(error).toMatchObject({ name: 'RangeError', message: 'no a' })
})

test('only the leader adopts work, and a key asked for twice flies once', async () => {
  const { flights, clock } = setUp()
  const [leader, follower] = [passenger(), passenger()]
  const flown: string[][] = []
  const fly: Fly = async (keys, tower) => {
    flown.push([...keys])
    await clock.sleep(10)
    await landAll(keys, tower)
  }
  const both = [flights.run(['a', 'a', 'b'], fly, leader), flights.run(['b', 'a'], fly, follower)]
  const [first, second] = await clock.until(Promise.all(both))
  expect(flown).toEqual([['a', 'b']])
  expect([leader.adopted.length, follower.adopted.length]).toEqual([1, 0])
  expect(first?.get('a')).toEqual({ value: 'a', led: true })
  expect(second?.get('a')).toEqual({ value: 'a', led: false })
})

test('a leader that never ends is taken over after flightMs by one follower, by its own clock; the others follow that one', async () => {
  const { flights, clock, leadAndDie } = setUp()
  const startedAtMs = clock.nowMs()
  leadAndDie(['a'])
  let loads = 0
  const fly: Fly = async (keys, tower) => {
    loads++
    await clock.sleep(5)
    await landAll(keys, tower)
  }
  const followers = Array.from({ length: 50 }, passenger)
  const outcomes = await clock.until(Promise.all(followers.map((follower) => flights.run(['a'], fly, follower))))
  expect(loads).toBe(1)
  expect(clock.nowMs() - startedAtMs).toBe(FLIGHT_MS + 5)
  expect(outcomes.filter((outcome) => outcome.get('a')).length).toBe(50)
  expect(outcomes.filter((outcome) => (outcome.get('a') as { led?: boolean }).led)).toHaveLength(1)
  expect(followers.flatMap(({ took }) => took)).toEqual(['a']) // told once
  expect(flights.size()).toBe(0)
})

test('a dead flight is given up when its time is over, however young the other flights of the reader are', async () => {
  const { flights, clock, leadAndDie } = setUp()
  leadAndDie(['dead'])
  await clock.advance(FLIGHT_MS - 1)
  const startedAtMs = clock.nowMs()
  const fly: Fly = (keys, tower) => clock.sleep(20).then(() => landAll(keys, tower))
  const outcomes = await clock.until(flights.run(['dead', 'young'], fly, passenger()))
  expect([...outcomes.values()].map((outcome) => 'value' in outcome)).toEqual([true, true])
  expect(clock.nowMs() - startedAtMs).toBe(40)
})

test('what a leader given up for dead reports in the end reaches nobody', async () => {
  const { flights, clock, leadAndDie } = setUp()
  const late = Promise.withResolvers<void>()
  leadAndDie(['a'], (_, tower) => late.promise.then(() => tower.land('a', 'late')))
  const follower = flights.run(['a'], (_, tower) => clock.sleep(50).then(() => tower.land('a', 'new')), passenger())
  await clock.advance(FLIGHT_MS)
  const third = flights.run(['a'], landAll, passenger())
  late.resolve()
  const outcomes = await clock.until(Promise.all([follower, third]))
  expect(outcomes.map((outcome) => (outcome.get('a') as { value?: string }).value)).toEqual(['new', 'new'])
})

test('a leader whose load hangs takes over from itself, and gives up with an error in the end', async () => {
  const { flights, clock } = setUp()
  const startedAtMs = clock.nowMs()
  const impatient = passenger()
  const outcome = await clock.until(flights.run(['a'], never, impatient))
  expect(outcome.get('a')).toEqual({ error: expect.objectContaining({ message: 'no leader of a survived' }) })
  expect(clock.nowMs() - startedAtMs).toBe(ATTEMPTS * FLIGHT_MS)
  expect(impatient.took).toHaveLength(ATTEMPTS)
  expect(flights.size()).toBe(0)
})

test('however many leaders die, every waiter ends in bounded time', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 2 * FLIGHT_MS }), someKeys), { minLength: 1, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
      async (arrivals, dies) => {
        const { flights, clock } = setUp()
        let loads = 0
        const fly: Fly = async (keys, tower) => {
          if (dies[loads++ % dies.length]) await never()
          await clock.sleep(20)
          await landAll(keys, tower)
        }
        const waits: number[] = []
        const reads = arrivals.map(async ([atMs, keys]) => {
          await clock.sleep(atMs)
          const startedAtMs = clock.nowMs()
          const outcomes = await flights.run(keys, fly, passenger())
          waits.push(clock.nowMs() - startedAtMs)
          expect(outcomes.size).toBe(keys.length)
        })
        await clock.until(Promise.all(reads))
        expect(Math.max(...waits)).toBeLessThanOrEqual(ATTEMPTS * FLIGHT_MS)
        expect(clock.sleeping).toBeLessThanOrEqual(loads)
      },
    ),
    { numRuns: 60 },
  ))
