import { mulberry32 } from '../../../dev/random.ts'
import { parseConfig } from '../../../worker/config.ts'
import { type Activity, COUNTED_FROM_S } from './activity.ts'
import type { FollowGraph } from './graph.ts'

/** How posts are delivered: by an author's followers. `hotFrom` <= `pullFrom`; Infinity for never. */
export interface Routing {
  /** Posts of authors with so many followers go to timelines in L2 alone. */
  readonly hotFrom: number
  /** Posts of authors with so many are pulled. */
  readonly pullFrom: number
}
export const PUSH: Routing = { hotFrom: Number.POSITIVE_INFINITY, pullFrom: Number.POSITIVE_INFINITY }
export const PULL: Routing = { hotFrom: 0, pullFrom: 0 }

export type Mode = 'push' | 'hot' | 'pull'
export const modeOf = ({ hotFrom, pullFrom }: Routing, followers: number): Mode =>
  followers >= pullFrom ? 'pull' : followers >= hotFrom ? 'hot' : 'push'

/** How many authors have so many followers: those with the lower numbers. */
export function authorsFrom({ followers, users }: FollowGraph, least: number): number {
  let [low, high] = [0, users]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((followers[middle] ?? 0) >= least) low = middle + 1
    else high = middle
  }
  return low
}

/** More pulled authors than this are merged by the origin, under one key of the reader (docs/architecture.md). */
export const MOST_PULLED = 64
/** Lives of that key, seconds. */
const MERGED_SOFT_S = 2
const MERGED_HARD_S = 3

/** The lives that the worker itself has. */
const { LIFETIMES } = parseConfig({
  ...{ ORIGIN_URL: 'http://origin', UPSTASH_REDIS_REST_URL: 'http://redis', UPSTASH_REDIS_REST_TOKEN: '-' },
  ...{ JWT_SECRET: '-'.repeat(16), EDGE_SECRET: '-'.repeat(16), SIGNING_SECRET: '-'.repeat(16) },
})

/** Loads of one kind: of them a sample, each with the chance of every other; how many a reader had to wait for. */
export interface Loads<T> {
  readonly count: number
  readonly waitedFor: number
  readonly sample: readonly T[]
}

/** What of a day's reads reaches the origin because of how posts are delivered. */
export interface Loading {
  readonly reads: number
  /** `tl:`: who reads. */
  readonly timelines: Loads<number>
  /** `au:` of pulled authors: those that one read asks for together. */
  readonly lists: Loads<readonly number[]>
  /** Keys in all of those. */
  readonly listKeys: number
  /** The merge of who follows too many pulled authors: who reads. */
  readonly merges: Loads<number>
  /** Whose timeline is in L2 at the end. */
  readonly present: Uint8Array
}

/**
 * Lets the reads of two days meet the caches' lives on virtual time: a key that is in L2 is answered from there until its soft end, then one reader loads it
 * behind the answer, and after its hard end one reader waits for it; nobody else asks meanwhile (leases). What is pushed keeps values
 * complete and never moves an end. Only reads of the second day count.
 */
export function replay(graph: FollowGraph, activity: Activity, { pullFrom }: Routing, samples: number, seed: number): Loading {
  const { starts, followees, users } = graph
  const { readAtS, reader } = activity
  const pulledAuthors = authorsFrom(graph, pullFrom)
  const pulled = pulledOf(graph, pulledAuthors)
  const never = -1e9
  const timeline = new Float64Array(users).fill(never)
  const list = new Float64Array(pulledAuthors).fill(never)
  const merged = new Float64Array(users).fill(never)
  const random = mulberry32(seed)
  const [timelines, lists, merges] = [
    taker<number>(samples, random),
    taker<readonly number[]>(samples, random),
    taker<number>(samples, random),
  ]
  const [softS, hardS] = [LIFETIMES.timeline.softMs / 1_000, LIFETIMES.timeline.hardMs / 1_000]
  const [listSoftS, listHardS] = [LIFETIMES.author.softMs / 1_000, LIFETIMES.author.hardMs / 1_000]
  let listKeys = 0

  for (let at = 0; at < reader.length; at++) {
    const nowS = readAtS[at] ?? 0
    const viewer = reader[at] ?? 0
    const counts = nowS >= COUNTED_FROM_S
    const ageS = nowS - (timeline[viewer] ?? never)
    if (ageS >= softS) {
      timeline[viewer] = nowS
      if (counts) timelines.take(viewer, ageS >= hardS)
    }
    const many = pulled[viewer] ?? 0
    if (many > MOST_PULLED) {
      const mergedS = nowS - (merged[viewer] ?? never)
      if (mergedS < MERGED_SOFT_S) continue
      merged[viewer] = nowS
      if (counts) merges.take(viewer, mergedS >= MERGED_HARD_S)
      continue
    }
    const due: number[] = []
    let waited = false
    const first = starts[viewer] ?? 0
    for (let i = first; i < first + many; i++) {
      const author = followees[i] ?? 0
      const oldS = nowS - (list[author] ?? never)
      if (oldS < listSoftS) continue
      list[author] = nowS
      waited ||= oldS >= listHardS
      due.push(author)
    }
    if (due.length === 0 || !counts) continue
    listKeys += due.length
    lists.take(due, waited)
  }
  const endS = readAtS.at(-1) ?? 0
  const present = Uint8Array.from(timeline, (filledAtS) => Number(endS - filledAtS < hardS))
  return { reads: activity.reads, timelines: timelines.done(), lists: lists.done(), listKeys, merges: merges.done(), present }
}

/** How many of a viewer's followees are pulled: the first ones of each row. */
function pulledOf({ users, starts, followees }: FollowGraph, pulledAuthors: number): Int32Array {
  return Int32Array.from({ length: users }, (_, user) => {
    let [low, high] = [starts[user] ?? 0, starts[user + 1] ?? 0]
    const first = low
    while (low < high) {
      const middle = (low + high) >> 1
      if ((followees[middle] ?? 0) < pulledAuthors) low = middle + 1
      else high = middle
    }
    return low - first
  })
}

/** Counts, and keeps a sample of a stream whose length nobody knows (Vitter's algorithm R). */
function taker<T>(size: number, random: () => number) {
  const sample: T[] = []
  let count = 0
  let waitedFor = 0
  return {
    take(one: T, waited: boolean): void {
      count++
      if (waited) waitedFor++
      if (sample.length < size) sample.push(one)
      else {
        const place = Math.floor(random() * count)
        if (place < size) sample[place] = one
      }
    },
    done: (): Loads<T> => ({ count, waitedFor, sample }),
  }
}
