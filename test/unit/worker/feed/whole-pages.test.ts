import { expect, test } from 'vitest'
import type { Held, Key } from '../../../../worker/cache/entry.ts'
import type { CacheEvent } from '../../../../worker/cache/events.ts'
import type { ReadThrough } from '../../../../worker/cache/read-through.ts'
import type { Made } from '../../../../worker/feed/parts.ts'
import { createWholePages } from '../../../../worker/feed/whole-pages.ts'

const KEYS = ['au:1:public', 'po:1:public', 'us:1'].map((text) => ({ text, sizeOf: () => 100 }) as unknown as Key<unknown>)
const LIFE = { softExpiresAtMs: 9, hardExpiresAtMs: 9, graceEndsAtMs: 9, deltaMs: 0 }
const WHOLE = { body: new Uint8Array([1]), tag: '"tag"' }

/** Pages over a memory that answers what it holds, quietly unless told otherwise. */
function world() {
  const memory = new Map<string, Held<unknown>>()
  const hold = (text: string, value: unknown, truth = 1) =>
    memory.set(text, { value, truth, stamp: 0, life: LIFE, verifiedAtMs: 0, quietUntilMs: 9 })
  for (const { text } of KEYS) hold(text, text)
  const asked: string[] = []
  const state = { quiet: true }
  const read: Pick<ReadThrough, 'quiet' | 'still'> = {
    still: (held) => state.quiet && held.every((one) => [...memory.values()].includes(one)),
    quiet(keys, { observe }) {
      const held = keys.map(({ text }) => {
        asked.push(text)
        return memory.get(text)
      })
      if (!state.quiet || held.includes(undefined)) return undefined
      observe({ type: 'hits', keys, oldestAtMs: 0 })
      return held as Held<unknown>[]
    },
  }
  const pages = createWholePages(read)
  const told: CacheEvent[] = []
  const turn = { reader: { waitUntil() {} }, leastTruth: undefined, observe: (event: CacheEvent) => void told.push(event), dice: 0 }
  const made = (): Made => ({ keys: [...KEYS], parts: KEYS.map(({ text }) => memory.get(text)) })
  return {
    state,
    asked,
    hold,
    forget: (text: string) => memory.delete(text),
    pages,
    told,
    made,
    find: (name = 'page') => pages.find(name, turn),
  }
}

test('a page is answered while all its parts are what they were, and each is counted', () => {
  const { pages, made, find, told } = world()
  expect(find()).toBeUndefined()
  pages.keep('page', WHOLE, made())
  expect(find()).toMatchObject(WHOLE)
  expect(told).toEqual([{ type: 'hits', keys: KEYS, oldestAtMs: 0 }])
  expect(find('another page')).toBeUndefined()
})

test('a part verified anew, with the same value, changes nothing', () => {
  const { pages, made, find, hold } = world()
  pages.keep('page', WHOLE, made())
  hold('po:1:public', 'po:1:public')
  expect(find()).toMatchObject(WHOLE)
})

test.each([
  ['another value', ({ hold }: ReturnType<typeof world>) => hold('po:1:public', 'edited')],
  ['a tombstone', ({ hold }: ReturnType<typeof world>) => hold('po:1:public', { kind: 'gone' })],
  ['an absence', ({ hold }: ReturnType<typeof world>) => hold('us:1', null)],
  ['another truth version', ({ hold }: ReturnType<typeof world>) => hold('au:1:public', 'au:1:public', 2)],
  ['nothing, for it was evicted', ({ forget }: ReturnType<typeof world>) => forget('au:1:public')],
])('a page of which a part is now %s is not answered, and nothing is counted', (_, change) => {
  const there = world()
  there.pages.keep('page', WHOLE, there.made())
  change(there)
  expect(there.find()).toBeUndefined()
  expect(there.told).toEqual([])
})

test('a page is not answered where memory would not be quiet: a part is due, or a version token asks more of it', () => {
  const { pages, made, find, state } = world()
  pages.keep('page', WHOLE, made())
  state.quiet = false
  expect(find()).toBeUndefined()
})

test('a page of which a part could not be had is not kept', () => {
  const { pages, made, find } = world()
  const { keys, parts } = made()
  pages.keep('page', WHOLE, { keys, parts: [...parts.slice(1), undefined] })
  expect(find()).toBeUndefined()
})

test.each(['po:1:followers', 'au:1:followers', 'rel:1:2', 'vw:1', 'my:1', 'tl:1'])(
  'a page that was made of %s is not kept: others would be answered with it',
  (text) => {
    const { pages, made, find, hold } = world()
    hold(text, text)
    const { keys, parts } = made()
    pages.keep('page', WHOLE, { keys: [...keys, { ...keys[0], text } as Key<unknown>], parts: [...parts, parts[0]] })
    expect(find()).toBeUndefined()
  },
)

test('a page whose parts weigh too much is not kept: it would hold on to what memory lets go of', () => {
  const { pages, made, find } = world()
  const heavy = made().keys.map((key) => ({ ...key, sizeOf: () => 1024 * 1024 }))
  pages.keep('page', WHOLE, { ...made(), keys: heavy })
  expect(find()).toBeUndefined()
})

test('what memory still holds is not looked up again, though each answer is counted; a change is seen nevertheless', () => {
  const { pages, made, find, told, asked, hold } = world()
  pages.keep('page', WHOLE, made())
  find()
  const looked = asked.length
  expect(find()).toMatchObject(WHOLE)
  expect([asked.length, told.length]).toEqual([looked, 2])
  hold('po:1:public', 'edited')
  expect(find()).toBeUndefined()
})
