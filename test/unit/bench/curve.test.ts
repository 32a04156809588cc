import { expect, test } from 'vitest'
import { spreadOf } from '../../../bench/cache/statistics.ts'
import { type Activity, COUNTED_FROM_S } from '../../../bench/fanout/curve/activity.ts'
import { generatedGraph, graphOf } from '../../../bench/fanout/curve/graph.ts'
import { picturesOf } from '../../../bench/fanout/curve/picture.ts'
import { authorsFrom, modeOf, PULL, PUSH, replay } from '../../../bench/fanout/curve/replay.ts'
import { type Curve, documentOf, type Point, RATIOS, verdictOf } from '../../../bench/fanout/curve/report.ts'
import { quantileOf } from '../../../bench/fanout/curve/run.ts'
import {
  databaseWorkOf,
  evenFollowers,
  fanoutOf,
  minimumOf,
  NOTHING,
  PARTS,
  perFollower,
  workAt,
} from '../../../bench/fanout/curve/totals.ts'
import { DEFAULT, levelsOf, waysOf } from '../../../bench/fanout/curve/ways.ts'

/** 3 has two followers, 1 has one; a self-loop and a repeat. */
const SMALL = graphOf('small', 4, Int32Array.from([0, 0, 1, 1, 2, 2]), Int32Array.from([3, 3, 3, 1, 1, 2]))
const work = (cpuS: number) => ({ cpuS, walBytes: 0, redisCpuS: 0 })

test('people are numbered by their followers, without self-loops and repeats', () => {
  expect(SMALL).toMatchObject({ users: 4, edges: 3, followers: Int32Array.from([2, 1, 0, 0]) })
  const follows = Array.from({ length: 4 }, (_, user) => [...SMALL.followees.slice(SMALL.starts[user], SMALL.starts[user + 1])])
  expect(follows.toSorted()).toEqual([[], [0], [0], [1]])
  expect([3, 2, 1, 0].map((least) => authorsFrom(SMALL, least))).toEqual([0, 1, 2, 4])
})

test('the generated graph is a function of its seed, and has a long tail', () => {
  const graph = generatedGraph(5_000, 7)
  expect(generatedGraph(5_000, 7)).toEqual(graph)
  expect(graph.edges / graph.users).toBeGreaterThan(15)
  expect((graph.followers[0] ?? 0) / graph.users).toBeGreaterThan(0.1)
  expect(levelsOf(graph)).toContain(1_000)
  expect(waysOf(graph).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['push', 'pull', 'hot', 'pull from 1,000', 'hot from 30', DEFAULT]),
  )
})

test('a band is pushed, hot or pulled by its followers alone', () => {
  const routing = { hotFrom: 100, pullFrom: 1_000 }
  expect([0, 99, 100, 999, 1_000].map((followers) => modeOf(routing, followers))).toEqual(['push', 'push', 'hot', 'hot', 'pull'])
  expect([modeOf(PUSH, 1e9), modeOf(PULL, 0)]).toEqual(['push', 'pull'])
})

test('a key is loaded once per soft end, and waited for only after its hard end', () => {
  const day = COUNTED_FROM_S
  const times = [0, day - 60, day + 60, day + 5 * 3_600, day + 6.5 * 3_600, day + 6.5 * 3_600 + 1]
  const followers = [...SMALL.starts.keys()].filter(
    (user) => SMALL.followees[SMALL.starts[user] ?? 0] === 0 && SMALL.starts[user] !== SMALL.starts[user + 1],
  )
  const activity: Activity = {
    readAtS: Int32Array.from(times),
    reader: Int32Array.from(times, (_, i) => followers[i % 2] ?? 0),
    reads: 4,
    enrolled: new Uint8Array(4).fill(1),
    pushed: SMALL.followers,
    authorAt: () => 0,
  }
  const pushed = replay(SMALL, activity, PUSH, 10, 1)
  // The first reader's timeline is a day old, and waited for; the second's is soft by then, and loaded behind the answer.
  expect(pushed.timelines).toMatchObject({ count: 3, waitedFor: 1 })
  expect(pushed.lists.count).toBe(0)
  const pulled = replay(SMALL, activity, PULL, 10, 1)
  expect(pulled.timelines).toEqual(pushed.timelines)
  // Both readers share the author's list: two minutes after a load nobody loads it, hours later one does, a second later nobody.
  expect(pulled.lists).toMatchObject({ count: 2, waitedFor: 0, sample: [[0], [0]] })
})

test('fan-out grows with the posts, loads do not', () => {
  const bands = [
    { band: { least: 0, posts: 10, edges: 100 }, work: { push: work(1), hot: work(0.5), pull: work(0.25) } },
    { band: { least: 100, posts: 1, edges: 300 }, work: { push: work(3), hot: work(1), pull: work(0.125) } },
  ]
  const loads = { fills: { count: 8, each: work(0.25) }, lists: NOTHING, merges: NOTHING }
  const parts = { ...fanoutOf({ hotFrom: 100, pullFrom: Number.POSITIVE_INFINITY }, bands, work(0.01)), ...loads }
  expect(parts).toMatchObject({ rows: { count: 100 }, trim: { count: 100 }, hot: { count: 300 }, pull: { count: 0 } })
  expect(workAt(parts).cpuS).toBeCloseTo(1 + 1 + 1 + 2)
  expect(workAt(parts, 200).cpuS).toBeCloseTo(3 / 4 + 2)
  expect(databaseWorkOf({ cpuS: 2, walBytes: 1e9, redisCpuS: 9 }, 2e-9)).toBeCloseTo(4)
})

test('a follower more costs a row and what leaves for it, not a job', () => {
  const bands = [
    { band: { least: 0, posts: 9, edges: 9 }, work: { push: work(9), hot: work(9), pull: work(9) } },
    { band: { least: 300, posts: 2, edges: 1_000 }, work: { push: work(12), hot: work(4), pull: work(2) } },
  ]
  const { row, hot } = perFollower(bands, work(0.005))
  expect([row.cpuS, hot.cpuS].map((s) => s.toFixed(4))).toEqual(['0.0150', '0.0020'])
})

test('an author whose rows cost what one list costs all day is even', () => {
  expect(evenFollowers(0.001, 288, 0.00001, 10)).toBeCloseTo(2_880)
})

test('quantiles of values that stand for several', () => {
  const q = quantileOf([
    [9, 1],
    [1, 98],
    [5, 1],
  ])
  expect([0.5, 0.99, 1].map(q)).toEqual([1, 5, 9])
  expect(
    minimumOf(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    ),
  ).toEqual({ at: 'b', value: 1 })
})

const point = (name: string, hotFrom: number, pullFrom: number, seconds: number): Point => ({
  name,
  routing: { hotFrom, pullFrom },
  counts: Object.fromEntries(PARTS.map((part) => [part, 10])) as Point['counts'],
  parts: Object.fromEntries(PARTS.map((part) => [part, seconds / PARTS.length])) as Point['parts'],
  work: Object.fromEntries(RATIOS.map((ratio) => [ratio, spreadOf([seconds])])),
  cpuS: seconds,
  walBytes: 1e6,
  redisCpuS: 1,
  waitedShare: 0.01,
  loadMs: [1, 2],
  deliveryMs: [1, 2, 3],
})
const NEVER = Number.POSITIVE_INFINITY
const CURVE: Curve = {
  ...{
    name: 'a <graph>',
    users: 1,
    edges: 1,
    mostFollowed: 900,
    readers: 1,
    present: 1,
    reads: 50,
    posts: 1,
    days: 1,
    price: 1e-9,
    perFollower: { row: 1e-5, hot: 2e-6 },
  },
  points: [
    point('push', NEVER, NEVER, 10),
    point('pull from 100', 100, 100, 9),
    point('pull', 0, 0, 30),
    point('hot', 0, NEVER, 12),
    point(DEFAULT, 100, NEVER, 9.9),
  ],
}

test('the verdict says how far the default is from the lowest, from pure push and from pure pull', () => {
  const verdict = verdictOf(CURVE, DEFAULT)
  expect(verdict.lowest).toBe('pull from 100')
  expect([verdict.aboveLowest, verdict.ofPush, verdict.ofPull].map((share) => share.toFixed(2))).toEqual(['0.10', '0.99', '0.33'])
})

test('the report and the pictures hold every point and no number that is none', () => {
  const machine = {
    at: '2026-01-01T00:00:00Z',
    commit: 'c',
    cpu: 'x',
    cpus: 2,
    memoryGb: 1,
    system: 's',
    node: '24',
    redis: '7',
    workerd: 'w',
  }
  const text = documentOf([CURVE], machine)
  for (const { name } of CURVE.points) expect(text).toContain(`| ${name} |`)
  const pictures = picturesOf([CURVE])
  expect(Object.keys(pictures)).toEqual(['cost-curve-light.svg', 'cost-curve-dark.svg'])
  for (const picture of Object.values(pictures)) {
    expect(picture).not.toMatch(/NaN|undefined|Infinity/)
    expect(picture).toContain('a &lt;graph&gt;')
  }
})
