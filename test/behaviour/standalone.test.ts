import { type CacheEvent, type CacheOptions, createCache, redisTier } from 'tideline/cache'
import { expect, test } from 'vitest'

/** The cache as a stranger uses it, without a shared tier: what `worker/standalone.ts` adds to the core. */
const reader = { waitUntil() {} }
/** Its clock is the real one: no load that is held back ends by itself. */
const PATIENT = { loadDeadlineMs: 600_000 }
const anotherReader = () => ({ waitUntil() {} })

/** An origin of one row whose loads wait until they are let go. */
function slowOrigin() {
  const waiting: (() => void)[] = []
  return {
    row: 'old',
    loads: 0,
    letGo: () => waiting.splice(0).forEach((go) => void go()),
    async loadOne(): Promise<string> {
      this.loads++
      const { row } = this
      await new Promise<void>((resolve) => waiting.push(resolve))
      return row
    },
  }
}

test('what is read after an invalidation is new, also for a reader who was asking already', async () => {
  const origin = slowOrigin()
  const cache = createCache<string>({ settings: PATIENT, loadOne: () => origin.loadOne() })
  const before = cache.get('a', reader)
  await expect.poll(() => origin.loads).toBe(1)
  origin.row = 'new'
  await cache.invalidate(['a'], reader)
  const after = cache.get('a', reader)
  await expect.poll(() => origin.loads).toBe(2)
  origin.letGo()
  expect(await Promise.all([before, after])).toEqual(['old', 'new'])
})

test('everybody who asks while a load is in the air shares it, whether by one reader or by many', async () => {
  const origin = slowOrigin()
  const cache = createCache<string>({ settings: PATIENT, loadOne: () => origin.loadOne() })
  const answers = Array.from({ length: 20 }, (_, i) => cache.get('a', i % 2 ? reader : anotherReader()))
  await expect.poll(() => origin.loads).toBe(1)
  origin.letGo()
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['old']))
  expect(origin.loads).toBe(1)
})

test('what was found is in memory: `peek` answers it at once, null for an absence, undefined for what it does not know', async () => {
  const cache = createCache<number>({ lifetimes: { absentMs: 600_000 }, load: async () => [{ key: 'a', value: 1 }] })
  expect(cache.peek('a')).toBeUndefined()
  expect(await cache.getMany(['a', 'b'], reader)).toEqual(
    new Map([
      ['a', 1],
      ['b', null],
    ]),
  )
  expect([cache.peek('a'), cache.peek('b'), cache.peek('c')]).toEqual([1, null, undefined])
  await cache.invalidate(['a'], reader)
  expect(cache.peek('a')).toBeUndefined()
})

test('a value is what decode makes of it from the first read on, and one object for all', async () => {
  const cache = createCache<{ at: unknown }>({ loadOne: async () => ({ at: new Date(0) }) })
  const first = await cache.get('a', reader)
  expect(first).toEqual({ at: '1970-01-01T00:00:00.000Z' })
  expect(await cache.get('a', anotherReader())).toBe(first)
})

test('`get` rejects with a copy of what the load threw; `getMany` leaves that key out and answers the others', async () => {
  class NoSuchShop extends Error {
    override readonly name = 'NoSuchShop'
  }
  const cache = createCache<string>({
    load: async (keys) => keys.map((key) => (key === 'b' ? { key, error: new NoSuchShop('b is closed') } : { key, value: key })),
  })
  expect(await cache.getMany(['a', 'b'], reader)).toEqual(new Map([['a', 'a']]))
  const error = await cache.get('b', anotherReader()).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'NoSuchShop', message: 'b is closed' })
  expect(error).not.toBeInstanceOf(NoSuchShop)
})

test('a load that takes too long is given up, its signal aborts, and the error says so', async () => {
  let wasTold = false
  const cache = createCache<string>({
    settings: { loadDeadlineMs: 20 },
    loadOne: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          wasTold = true
          reject(new Error('given up'))
        })
      }),
  })
  await expect(cache.get('a', reader)).rejects.toThrow(/no answer within 20 ms|given up/)
  expect(wasTold).toBe(true)
})

test('events say what happened', async () => {
  const seen: CacheEvent['type'][] = []
  const cache = createCache<string>({ loadOne: async (key) => key, observe: ({ type }) => seen.push(type) })
  await cache.get('a', reader)
  expect(seen).toEqual(expect.arrayContaining(['loaded', 'waited', 'answered']))
  seen.length = 0
  await cache.get('a', reader)
  expect(seen).toEqual(['hits'])
})

test('an invalidation outlives its reader: it is handed to waitUntil, where its failure is no second error', async () => {
  const kept: Promise<unknown>[] = []
  const cannot = async (): Promise<never> => {
    throw new Error('the shared tier is down')
  }
  const shared: CacheOptions<string>['shared'] = {
    deadlineMs: 10,
    read: cannot,
    lease: cannot,
    release: cannot,
    fill: cannot,
    invalidate: cannot,
  }
  const cache = createCache<string>({ shared, loadOne: async (key) => key })
  await expect(cache.invalidate(['a'], { waitUntil: (work) => kept.push(work) })).rejects.toThrow('the shared tier is down')
  expect(await Promise.all(kept)).toEqual([undefined])
})

test.each(['', ':', 'shop', 'shop:a'])('a prefix that could begin somebody else’s keys is refused: "%s"', (prefix) => {
  expect(() => redisTier({ url: 'http://127.0.0.1:1', token: 'x', prefix })).toThrow(RangeError)
})

test.each([{ hardMs: Number.POSITIVE_INFINITY }, { softMs: -1 }, { graceMs: Number.NaN }])(
  'lifetimes that are none are refused when the cache is made: %o',
  (lifetimes) => {
    expect(() => createCache({ lifetimes, loadOne: async () => 1 })).toThrow(RangeError)
  },
)

test('a lifetime that is left undefined is the default', async () => {
  const cache = createCache({ lifetimes: { softMs: undefined } as never, loadOne: async () => 1 })
  await cache.get('a', reader)
  expect(cache.peek('a')).toBe(1)
})

test('an item with a version or a life that is none, or a value that cannot be encoded, fails for its key alone', async () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  const cache = createCache<unknown>({
    load: async () => [
      { key: 'version', value: 1, version: 1e21 },
      { key: 'life', value: 1, lifetimes: { softMs: Number.NaN } },
      { key: 'circular', value: circular },
      { key: 'broken', error: new Error('no broken') },
      { key: 'good', value: 1, version: 7 },
    ],
  })
  expect(await cache.getMany(['version', 'life', 'circular', 'broken', 'good'], reader)).toEqual(new Map([['good', 1]]))
  await expect(cache.get('version', reader)).rejects.toThrow('version 1e+21')
  await expect(cache.get('broken', reader)).rejects.toThrow('no broken')
})

test('an undefined value is an absence', async () => {
  const rows = new Map<string, string>()
  const cache = createCache<string>({ loadOne: async (key) => rows.get(key) })
  expect(await cache.get('a', reader)).toBeNull()
})

test('an observer that throws harms nobody', async () => {
  const cache = createCache<number>({
    loadOne: async () => 1,
    observe: () => {
      throw new Error('mine')
    },
  })
  expect([await cache.get('a', reader), await cache.get('a', reader)]).toEqual([1, 1])
})
