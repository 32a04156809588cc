import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../contract/entry.ts'
import type { Turn } from '../../../../worker/cache/reader.ts'
import { fingerprintOf } from '../../../../worker/feed/entity-tag.ts'
import type { Hydrate, Line } from '../../../../worker/feed/hydrate.ts'
import { candidatesFrom, mergeDown } from '../../../../worker/feed/merge.ts'
import { paginate } from '../../../../worker/feed/paginate.ts'

const id = (n: number): string => String(2_000_000_000_000_000_000n + BigInt(n))
const entry = (n: number): Entry => ({ activityId: id(n), actorId: id(9_000), audience: 'public' })
const turn: Turn = { reader: { waitUntil() {} }, leastTruth: undefined, observe() {}, dice: 0 }
const line = (activityId: string): Line => ({ activityId, json: new Uint8Array(), fingerprint: fingerprintOf(activityId) })

/** A history of which the caches hold what is above `floor`; some of it is gone. */
function world(history: readonly number[], floor: number, gone: ReadonlySet<number>) {
  const held = { completeSince: floor === 0 ? '0' : id(floor), entries: history.filter((n) => n > floor).map(entry) }
  const goneIds = new Set([...gone].map(id))
  const hydrate: Hydrate = async (candidates) =>
    candidates.map(({ entry: { activityId } }) => (goneIds.has(activityId) ? undefined : line(activityId)))
  const page = async (below: string | undefined, limit: number) =>
    paginate(
      {
        cached: candidatesFrom(mergeDown([held]), { anchor: undefined, below, fold: true, hidden: () => false }),
        floor: held.completeSince,
        older: async (from, size) =>
          history
            .filter((n) => id(n) < from && n <= floor && !gone.has(n))
            .slice(0, size)
            .map(entry),
        below,
      },
      limit,
      hydrate,
      turn,
    )
  return { page }
}

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
        const { page } = world(history, floor, gone)
        const seen: string[] = []
        let below: string | undefined
        for (let pages = 0; pages < 400; pages++) {
          const { lines, continuesBelow } = await page(below, limit)
          seen.push(...lines.map(({ activityId }) => activityId))
          if (continuesBelow === undefined) break
          expect(lines.length).toBe(limit)
          below = continuesBelow
        }
        expect(seen).toEqual(history.filter((n) => !gone.has(n)).map(id))
      },
    ),
  ))

test('the last page knows that it is the last', async () => {
  const { page } = world([5, 4, 3, 2, 1], 0, new Set([1]))
  expect((await page(undefined, 4)).continuesBelow).toBeUndefined()
  expect((await page(undefined, 3)).continuesBelow).toBeDefined()
})
