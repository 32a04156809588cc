import { expect, test } from 'vitest'
import type { Entry } from '../../../../contract/entry.ts'
import { MAX_REPOSTERS } from '../../../../contract/post.ts'
import { type Candidate, createWalk, type Scroll } from '../../../../worker/feed/fold.ts'
import { type Source, sourceOf } from '../../../../worker/feed/merge.ts'

const id = (n: number): string => String(2_000_000_000_000_000_000n + BigInt(n))
const entry = (n: number, root?: number, actor = 9_000 + n): Entry => ({
  activityId: id(n),
  actorId: id(actor),
  audience: 'public',
  ...(root === undefined ? {} : { root: { id: id(root), authorId: id(9_100) } }),
})
const source = (entries: readonly Entry[], completeSince = '0'): Source => sourceOf({ completeSince, entries })
const number = (text: string): number => Number(BigInt(text) - 2_000_000_000_000_000_000n)
const numbers = (entries: readonly Entry[]): number[] => entries.map(({ activityId }) => number(activityId))

function walked(sources: readonly Source[], scroll: Partial<Scroll> = {}): Candidate[] {
  const walk = createWalk(sources, { anchor: undefined, below: undefined, fold: true, hidden: () => false, ...scroll })
  const candidates: Candidate[] = []
  for (let next = walk.next(); next; next = walk.next()) candidates.push(next)
  expect(walk.ended).toBe(true)
  return candidates
}
const shown = (candidates: readonly Candidate[]) => numbers(candidates.map((candidate) => candidate.entry))

test('ids of one millisecond are not ties: none is dropped at a page edge', () => {
  expect(shown(walked([source([5, 4, 3].map((n) => entry(n))), source([4, 2].map((n) => entry(n)))], { below: id(4) }))).toEqual([3, 2])
})

test('a candidate names the newer lines that show its root, up to the anchor and no further', () => {
  const sources = [source([entry(10, 1), entry(6), entry(1)]), source([entry(8, 1)])]
  const newer = (anchor?: string) => walked(sources, { anchor }).map((line) => [...shown([line]), numbers(line.newer)])
  expect(newer()).toEqual([
    [10, []],
    [8, [10]],
    [6, []],
    [1, [10, 8]],
  ])
  expect(newer(id(9))).toEqual([
    [8, []],
    [6, []],
    [1, [8]],
  ])
})

test('what is hidden neither shows, nor folds, nor counts', () => {
  const hidden = ({ activityId }: Entry) => activityId === id(10) || activityId === id(4)
  const candidates = walked([source([entry(10, 1), entry(6, 1), entry(4, 1), entry(3, 1), entry(1)])], { hidden })
  expect(shown(candidates)).toEqual([6, 3, 1])
  expect(candidates[0]?.newer).toEqual([])
  expect(numbers(candidates[0]?.older ?? [])).toEqual([3])
})

test('a repost names the older reposts of its root in all sources, newest first, each person once', () => {
  const sources = [
    source([entry(20, 1, 71), entry(9, 1, 72), entry(5, 1, 71)]),
    source([entry(12, 1, 73), entry(9, 1, 72)]),
    source([entry(8, 2)]),
  ]
  const [first] = walked(sources)
  expect(numbers(first?.older ?? [])).toEqual([12, 9])
})

test('of many reposts the newest are looked at, whatever the page, and none below the floor', () => {
  const many = Array.from({ length: 40 }, (_, i) => entry(100 - i, 1))
  const looked = numbers(walked([source(many)])[0]?.older ?? [])
  expect(looked).toEqual(Array.from({ length: MAX_REPOSTERS - 1 }, (_, i) => 99 - i))
  const [first] = walked([source(many.slice(0, 5), id(95)), source([entry(98, 1), entry(50, 1)])])
  expect(numbers(first?.older ?? [])).toEqual([99, 98, 97, 96])
})

test('a post of its own names none, nor does a list that is not folded', () => {
  const posts = [entry(9, 1), entry(8, 1), entry(1)]
  expect(walked([source(posts)], { fold: false }).map(({ newer, older }) => [...newer, ...older])).toEqual([[], [], []])
  expect(walked([source(posts)]).at(-1)?.older).toEqual([])
})

test('a stretch ends above its bound, and needs the origin only where the floor is above that', () => {
  const lists = [
    source(
      [9, 8, 7, 6].map((n) => entry(n)),
      id(5),
    ),
  ]
  const stretch = (above: number) =>
    createWalk(lists, { anchor: undefined, below: id(9), above: id(above), fold: true, hidden: () => false })
  expect(shown(walked(lists, { below: id(9), above: id(6) }))).toEqual([8, 7])
  expect([stretch(6).exhausted, stretch(5).exhausted, stretch(4).exhausted]).toEqual([true, true, false])
})

test('a line of the origin is hidden by what the caches showed of its root, and filtered like any other', () => {
  const walk = createWalk([source([entry(10, 1), entry(9)], id(5))], {
    anchor: undefined,
    below: undefined,
    fold: true,
    hidden: ({ actorId }) => actorId === id(66),
  })
  while (walk.next());
  expect(numbers(walk.join(entry(1), [])?.newer ?? [])).toEqual([10])
  expect(walk.join(entry(3, 2), [entry(2, 2, 66), entry(1, 2, 67)])).toMatchObject({ newer: [], older: [entry(1, 2, 67)] })
  expect(walk.join(entry(4, 2, 66), [])).toBeUndefined()
})
