import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../../contract/entry.ts'
import { checksumFrom, floorOf, mergeDown, type Source, sourceOf } from '../../../../worker/feed/merge.ts'

const id = (n: number): string => String(2_000_000_000_000_000_000n + BigInt(n))
const entry = (n: number, root?: number): Entry => ({
  activityId: id(n),
  actorId: id(9_000 + (n % 7)),
  audience: 'public',
  ...(root === undefined ? {} : { root: { id: id(root), authorId: id(9_100) } }),
})
const list = (numbers: readonly number[], completeSince = '0'): Source =>
  sourceOf({ completeSince, entries: [...numbers].sort((a, b) => b - a).map((n) => entry(n)) })
const numbers = (entries: Iterable<Entry>): number[] =>
  [...entries].map(({ activityId }) => Number(BigInt(activityId) - 2_000_000_000_000_000_000n))

test('sources of different depth are shown only down to the depth all of them have', () => {
  const deep = list([10, 8, 6, 4, 2])
  const shallow = list([9, 7], id(5))
  expect(floorOf([deep, shallow])).toBe(id(5))
  expect(numbers(mergeDown([deep, shallow]))).toEqual([10, 9, 8, 7, 6])
})

test('a floor ignored would show a page with holes: what lies below it is missing from the shallow source', () => {
  const truth = [10, 9, 8, 7, 6, 5, 4, 3]
  const deep = list([10, 8, 6, 4])
  const shallow = list([9, 7], id(6)) // it also had 5 and 3, which were cut
  const withoutFloor = numbers(mergeDown([deep, { ...shallow, exhausted: true }]))
  expect(withoutFloor).not.toEqual(truth.slice(0, withoutFloor.length))
  const withFloor = numbers(mergeDown([deep, shallow]))
  expect(withFloor).toEqual(truth.slice(0, withFloor.length))
})

test('whatever the sources, the merge is their union above the floor, newest first, each activity once', () => {
  const source = fc.record({ held: fc.uniqueArray(fc.integer({ min: 1, max: 60 })), since: fc.option(fc.integer({ min: 1, max: 60 })) })
  fc.assert(
    fc.property(fc.array(source, { maxLength: 6 }), (sources) => {
      const lists = sources.map(({ held, since }) => list(held, since === null ? '0' : id(since)))
      const floor = Math.max(0, ...sources.map(({ since }) => since ?? 0))
      const union = [...new Set(sources.flatMap(({ held }) => held))].filter((n) => n > floor).sort((a, b) => b - a)
      expect(numbers(mergeDown(lists))).toEqual(union)
    }),
  )
})

test('the checksum between cursor and anchor changes when something arrives late, and only then', () => {
  const before = [entry(10), entry(8), entry(6), entry(4)]
  const late = [entry(10), entry(9), entry(8), entry(6), entry(4)]
  const sum = (lines: readonly Entry[]) => checksumFrom(lines.values(), id(10))(id(6))
  expect(sum(late)).not.toBe(sum(before))
  expect(sum([entry(11), ...before])).toBe(sum(before)) // above the anchor
  expect(sum([...before, entry(3)])).toBe(sum(before)) // below the cursor
  const further = checksumFrom(before.values(), id(10))
  expect([further(id(6)), further(id(4))]).toEqual([sum(before), checksumFrom(before.values(), id(10))(id(4))])
})
