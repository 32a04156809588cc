import { mulberry32 } from '../../../dev/random.ts'
import { arrivals, drawer, exponential, pareto } from '../../../dev/simulate/chance.ts'
import { postingWeight, rateOfDay } from '../../../dev/simulate/model.ts'
import type { FollowGraph } from './graph.ts'

export const DAY_S = 86_400
/** A day for the lives of timelines to settle, and the day that counts. */
const DAYS = 2
/** Of those who follow anybody, who read within 30 days: nothing is pushed to the others. */
const ENROLLED_SHARE = 0.6
/** Of an enrolled reader in the mean; a power law as in `npm run simulate`. */
const SESSIONS_A_DAY = 4
const READING_TAIL = 1.8
const POSTING_TAIL = 1.5
const MOST_TIMES = 50
/** After a page: another one, as in dev/simulate/session.ts, after a pause of 36 s in the mean. */
const MORE_SHARE = 0.75
const PAUSE_MEAN_S = 36

/** What people do in two days, each read a page of the following feed. The same for every way to deliver. */
export interface Activity {
  /** Seconds from the start, rising, and who reads. */
  readonly readAtS: Int32Array
  readonly reader: Int32Array
  /** Reads of the day that counts. */
  readonly reads: number
  readonly enrolled: Uint8Array
  /** Enrolled followers of each author. */
  readonly pushed: Int32Array
  /** Draws an author of a post from a number in [0, 1). */
  readonly authorAt: (u: number) => number
}

export function activityOf(graph: FollowGraph, seed: number): Activity {
  const random = mulberry32(seed)
  const { users, starts, followees } = graph
  const follows = (user: number) => (starts[user + 1] ?? 0) > (starts[user] ?? 0)
  const enrolled = Uint8Array.from({ length: users }, (_, user) => Number(follows(user) && random() < ENROLLED_SHARE))
  const pushed = new Int32Array(users)
  let readers = 0
  for (let user = 0; user < users; user++) {
    if (!enrolled[user]) continue
    readers++
    for (let i = starts[user] ?? 0; i < (starts[user + 1] ?? 0); i++) {
      const followee = followees[i] ?? 0
      pushed[followee] = (pushed[followee] ?? 0) + 1
    }
  }
  const drawReader = drawer(Array.from(enrolled, (one) => one && pareto(READING_TAIL, MOST_TIMES, random)))
  const authorAt = drawer(Array.from(graph.followers, (count) => postingWeight(count) * pareto(POSTING_TAIL, MOST_TIMES, random)))

  const peak = Math.max(...Array.from({ length: 24 }, (_, hour) => rateOfDay(hour)))
  const shareAt = (atS: number) => rateOfDay(atS / 3_600) / peak
  const bySecond: number[][] = Array.from({ length: DAYS * DAY_S }, () => [])
  let count = 0
  for (const sessionAtS of arrivals((readers * SESSIONS_A_DAY * peak) / DAY_S, shareAt, DAYS * DAY_S, random)) {
    const reader = drawReader(random())
    for (let atS = sessionAtS; atS < DAYS * DAY_S; atS += 1 + exponential(PAUSE_MEAN_S, random)) {
      bySecond[Math.floor(atS)]?.push(reader)
      count++
      if (random() >= MORE_SHARE) break
    }
  }
  const readAtS = new Int32Array(count)
  const reader = new Int32Array(count)
  let at = 0
  let warmUp = 0
  for (const [second, list] of bySecond.entries()) {
    for (const one of list) {
      readAtS[at] = second
      reader[at++] = one
    }
    if (second < (DAYS - 1) * DAY_S) warmUp = at
  }
  return { readAtS, reader, reads: count - warmUp, enrolled, pushed, authorAt }
}

/** Since when reads count. */
export const COUNTED_FROM_S = (DAYS - 1) * DAY_S

/** The authors of so many posts, in their order. A function of the seed. */
export function postsOf({ authorAt }: Activity, count: number, seed: number): Int32Array {
  const random = mulberry32(seed)
  return Int32Array.from({ length: count }, () => authorAt(random()))
}
