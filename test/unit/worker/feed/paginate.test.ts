import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../contract/entry.ts'
import { Problem } from '../../../../contract/problem.ts'
import type { Turn } from '../../../../worker/cache/reader.ts'
import { fingerprintOf } from '../../../../worker/feed/entity-tag.ts'
import { createWalk } from '../../../../worker/feed/fold.ts'
import type { Hydrate, Line } from '../../../../worker/feed/hydrate.ts'
import { sourceOf } from '../../../../worker/feed/merge.ts'
import type { Older } from '../../../../worker/feed/origin-port.ts'
import { paginate } from '../../../../worker/feed/paginate.ts'

const id = (n: number): string => String(2_000_000_000_000_000_000n + BigInt(n))
const number = (text: string): number => Number(BigInt(text) - 2_000_000_000_000_000_000n)
const entry = (n: number): Entry => ({ activityId: id(n), actorId: id(9_000), audience: 'public' })
const turn: Turn = { reader: { waitUntil() {} }, leastTruth: undefined, observe() {}, dice: 0 }
const line = (activityId: string): Line => ({
  activityId,
  rootId: activityId,
  authorId: id(9_000),
  json: new Uint8Array(),
  fingerprint: fingerprintOf(activityId),
})
const downFrom = (n: number): number[] => Array.from({ length: n }, (_, i) => n - i)

interface Setting {
  /** Newest first. */
  readonly history: readonly number[]
  /** The caches hold what is above. */
  readonly floor: number
  readonly gone: (n: number) => boolean
  /** The origin's answer in place of the truth. */
  readonly older?: (below: number, size: number) => Promise<Older>
  readonly originKnowsAll?: boolean
}

/** A history of which the caches hold a part, and some is gone. */
function world({ history, floor, gone, older, originKnowsAll = true }: Setting) {
  const held = { completeSince: floor === 0 ? '0' : id(floor), entries: history.filter((n) => n > floor).map(entry) }
  const asked: number[] = []
  const turns: number[] = []
  const hydrate: Hydrate = async (candidates) => {
    turns.push(candidates.length)
    return candidates.map((candidate) => (gone(number(candidate.entry.activityId)) ? undefined : line(candidate.entry.activityId)))
  }
  const truth = async (below: number, size: number) => ({
    entries: history
      .filter((n) => n < below && !gone(n))
      .slice(0, size)
      .map(entry),
  })
  const page = async (below: string | undefined, limit: number) => {
    const walk = createWalk([sourceOf(held)], { anchor: undefined, below, fold: true, hidden: () => false })
    const ask = (from: string, size: number) => {
      asked.push(number(from))
      return (older ?? truth)(number(from), size)
    }
    return paginate({ walk, older: ask, originKnowsAll, below }, limit, hydrate, turn)
  }
  return { page, asked, turns }
}
const down = () => Promise.reject(new Problem('origin-unavailable', 'down'))

test('a scroll holds what stands, each once and in order, and no page is short while more follows', () =>
  fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 200 }),
      fc.integer({ min: 0, max: 300 }),
      fc.array(fc.integer({ min: 1, max: 300 })),
      fc.integer({ min: 1, max: 100 }),
      async (numbers, floor, deleted, limit) => {
        const history = numbers.sort((a, b) => b - a)
        const gone = new Set(deleted)
        const { page } = world({ history, floor, gone: (n) => gone.has(n) })
        const seen: string[] = []
        let below: string | undefined
        for (let pages = 0; pages < 400; pages++) {
          const { lines, continuesBelow, isShort } = await page(below, limit)
          seen.push(...lines.map(({ activityId }) => activityId))
          expect(isShort).toBe(false)
          if (continuesBelow === undefined) break
          expect(lines.length).toBe(limit)
          below = continuesBelow
        }
        expect(seen).toEqual(history.filter((n) => !gone.has(n)).map(id))
      },
    ),
  ))

test('what could not be proved for one page is on the next, where it can', async () => {
  const unproven = new Set([3])
  const { page } = world({ history: [5, 4, 3, 2, 1], floor: 0, gone: (n) => unproven.has(n) })
  const { continuesBelow } = await page(undefined, 2)
  unproven.clear()
  expect((await page(continuesBelow, 2)).lines.map(({ activityId }) => activityId)).toEqual([3, 2].map(id))
})

test('the last page knows that it is the last', async () => {
  const { page } = world({ history: [5, 4, 3, 2, 1], floor: 0, gone: (n) => n === 1 })
  expect((await page(undefined, 4)).continuesBelow).toBeUndefined()
  expect((await page(undefined, 3)).continuesBelow).toBeDefined()
})

test.each([
  { floor: 0, why: 'in the caches' },
  { floor: 5_900, why: 'below their floor' },
])('a page is full though 5,000 lines $why are not to be shown, and one question to the origin is enough', async ({ floor }) => {
  const { page, asked, turns } = world({ history: downFrom(6_000), floor, gone: (n) => n > 980 && n <= 5_980 })
  const { lines, isShort } = await page(undefined, 50)
  expect(lines.map(({ activityId }) => number(activityId))).toEqual([...downFrom(6_000).slice(0, 20), ...downFrom(980).slice(0, 30)])
  expect(isShort).toBe(false)
  expect(asked).toHaveLength(1)
  expect(turns.length).toBeLessThanOrEqual(5)
})

test('where the origin knows less than the caches it takes over only below them', async () => {
  const { page, asked } = world({ history: downFrom(900), floor: 100, gone: (n) => n > 150, originKnowsAll: false })
  expect((await page(undefined, 50)).lines.map(({ activityId }) => number(activityId))).toEqual(downFrom(150).slice(0, 50))
  expect(asked).toEqual([101])
})

test('without the origin a page at the floor is short, says so, and says where to go on', async () => {
  const { page } = world({ history: downFrom(100), floor: 70, gone: () => false, older: down })
  expect(await page(undefined, 50)).toMatchObject({ lines: { length: 30 }, continuesBelow: id(71), isShort: true })
})

test('without the origin the caches are searched further, line by line', async () => {
  const { page } = world({ history: downFrom(2_000), floor: 0, gone: (n) => n > 1_000 && n < 1_990, older: down })
  const { lines, continuesBelow, isShort } = await page(undefined, 50)
  expect(lines.map(({ activityId }) => number(activityId)).slice(0, 11)).toEqual(downFrom(2_000).slice(0, 11))
  if (isShort) expect(number(continuesBelow ?? '')).toBeLessThan(1_500)
})

test('where nothing at all can be had a page is refused', async () => {
  const { page } = world({ history: downFrom(10), floor: 10, gone: () => false, older: down })
  await expect(page(undefined, 50)).rejects.toMatchObject({ slug: 'origin-unavailable' })
})

test('lines that the edge still takes for gone do not make it ask for ever, and never come from the caches again', async () => {
  const { page, asked } = world({
    history: downFrom(2_000),
    floor: 0,
    gone: (n) => n < 1_990,
    older: async (below, size) => ({
      entries: downFrom(below - 1)
        .slice(0, size)
        .map(entry),
    }),
  })
  const { lines, continuesBelow, isShort } = await page(undefined, 50)
  expect(lines).toHaveLength(11)
  expect(isShort).toBe(true)
  expect(asked.length).toBeLessThanOrEqual(4)
  expect(number(continuesBelow ?? '')).toBeLessThan(asked.at(-1) ?? 0)
})

test('where the origin stops early the page goes on below', async () => {
  const steps = [1_500, 1_200, 900]
  const { page, asked } = world({
    history: downFrom(2_000),
    floor: 1_990,
    gone: () => false,
    older: async (below) => {
      const reached = steps.shift()
      return reached === undefined ? { entries: downFrom(below - 1).map(entry) } : { entries: [], reached: id(reached) }
    },
  })
  const { lines, isShort } = await page(undefined, 20)
  expect(asked).toEqual([1_991, 1_500, 1_200, 900])
  expect(lines.slice(10).map(({ activityId }) => number(activityId))).toEqual(downFrom(899).slice(0, 10))
  expect(isShort).toBe(false)
})
