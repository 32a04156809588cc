import { BitReader, BitWriter } from './bits.ts'
import type { PackedEntry, PackedList } from './packed.ts'

/**
 * Version 'c' of a list's base: a fifth to a third shorter than 'a' and 'b', because each kind of number is a column of its own (`bits.ts`). After
 * `completeSince` (42 bits of milliseconds, 22 of the rest) and the counts:
 *
 *   lows         machine and sequence of ids, each pair once, the frequent ones first: most of a timeline was minted by few machines
 *   users        everybody who is named below, oldest first: milliseconds since the one before, place in lows
 *   candidates   places in users
 *   entries      newest first: milliseconds before the one above, places in lows, places of actors in users
 *   reposts      how many entries lie between each and the one before; milliseconds to the root, signed; places in lows; places of root authors
 *   followers    how many entries lie between each that is not public and the one before
 */
const LOW_BITS = 22
const LOWS = 2 ** LOW_BITS
const MILLIS_BITS = 42
const MILLIS = 2 ** MILLIS_BITS
const MACHINES = 1_024
const SEQUENCES = 4_096
/** An id is cut here into two decimal halves, of which each, times 2^22, is exact as a number. */
const HALF = 10_000_000
const HALF_DIGITS = 7

interface IdParts {
  readonly millis: number
  readonly low: number
}

function partsOf(id: string): IdParts {
  const high = Number(id.slice(0, -HALF_DIGITS))
  const rest = (high % LOWS) * HALF + Number(id.slice(-HALF_DIGITS))
  return { millis: Math.floor(high / LOWS) * HALF + Math.floor(rest / LOWS), low: rest % LOWS }
}

function idFrom(millis: number, low: number): string {
  if (!(millis >= 0 && millis < MILLIS)) throw new RangeError('not a moment')
  return (BigInt(millis) * 4_194_304n + BigInt(low)).toString()
}

/** The sequence is mostly 0: with the machine below it these are small numbers. */
const turned = (low: number): number => (low % SEQUENCES) * MACHINES + Math.floor(low / SEQUENCES)
const turnedBack = (value: number): number => ((value % MACHINES) * SEQUENCES + Math.floor(value / MACHINES)) % LOWS

/** Without sign: a root may have been minted by a faster clock than its repost. */
const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2)
const zigzagBack = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2)

/** Each number less the one before it. */
const steps = (values: readonly number[]): number[] => values.map((value, i) => value - (values[i - 1] ?? 0))
/** How many lie between each place and the one before. */
const runs = (places: readonly number[]): number[] => places.map((place, i) => place - (places[i - 1] ?? -1) - 1)

export function encodeDense({ completeSince, candidates, entries }: PackedList): string {
  const out = new BitWriter()
  const since = partsOf(completeSince)
  const reposts = entries.flatMap(({ root }, place) => (root ? [{ place, root }] : []))
  const forFollowers = entries.flatMap(({ audience }, place) => (audience === 'followers' ? [place] : []))
  const named = new Set([...candidates, ...entries.map(({ actorId }) => actorId), ...reposts.map(({ root }) => root.authorId)])
  const users = [...named].map((id) => ({ id, ...partsOf(id) })).sort((a, b) => a.millis - b.millis || a.low - b.low)
  const placeOf = new Map(users.map(({ id }, place) => [id, place]))
  const placesOf = (ids: readonly string[]) => ids.map((id) => placeOf.get(id) ?? 0)
  const activities = entries.map(({ activityId }) => partsOf(activityId))
  const roots = reposts.map(({ root }) => partsOf(root.id))
  const lows = byFrequency([...users, ...activities, ...roots].map(({ low }) => low))
  const rankOf = new Map(lows.map((low, rank) => [low, rank]))
  const ranksOf = (ids: readonly IdParts[]) => ids.map(({ low }) => rankOf.get(low) ?? 0)

  out.bits(since.millis, MILLIS_BITS)
  out.bits(since.low, LOW_BITS)
  out.column([lows.length, users.length, candidates.length, entries.length, reposts.length, forFollowers.length])
  out.column(lows.map(turned))
  out.column(steps(users.map(({ millis }) => millis)))
  out.column(ranksOf(users))
  out.column(placesOf(candidates))
  out.column(activities.map(({ millis }, i) => (activities[i - 1]?.millis ?? 2 * millis) - millis))
  out.column(ranksOf(activities))
  out.column(placesOf(entries.map(({ actorId }) => actorId)))
  out.column(runs(reposts.map(({ place }) => place)))
  out.column(roots.map(({ millis }, i) => zigzag((activities[reposts[i]?.place ?? 0]?.millis ?? 0) - millis)))
  out.column(ranksOf(roots))
  out.column(placesOf(reposts.map(({ root }) => root.authorId)))
  out.column(runs(forFollowers))
  return out.text()
}

function byFrequency(values: readonly number[]): number[] {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([value]) => value)
}

/** Throws a RangeError for what is no such base. */
export function decodeDense(text: string): PackedList {
  const read = new BitReader(text)
  const completeSince = idFrom(read.bits(MILLIS_BITS), read.bits(LOW_BITS))
  const [lowCount = 0, userCount = 0, candidateCount = 0, count = 0, repostCount = 0, forFollowersCount = 0] = read.column(6)
  const lows = Array.from(read.column(lowCount), turnedBack)
  const low = (place: number | undefined): number => at(lows, place)
  const userSteps = read.column(userCount)
  const userRanks = read.column(userCount)
  const users: string[] = []
  for (let i = 0, millis = 0; i < userCount; i++) {
    millis += userSteps[i] ?? 0
    users.push(idFrom(millis, low(userRanks[i])))
  }
  const user = (place: number | undefined): string => at(users, place)
  const candidates = Array.from(read.column(candidateCount), user)
  const gaps = read.column(count)
  const ranks = read.column(count)
  const actors = read.column(count)
  const repostRuns = read.column(repostCount)
  const rootGaps = read.column(repostCount)
  const rootRanks = read.column(repostCount)
  const rootAuthors = read.column(repostCount)
  const followerRuns = read.column(forFollowersCount)

  const entries: PackedEntry[] = []
  let millis = 0
  let repost = 0
  let nextRepost = repostRuns[0] ?? -1
  let followersOnly = 0
  let nextFollowersOnly = followerRuns[0] ?? -1
  for (let i = 0; i < count; i++) {
    millis = i === 0 ? (gaps[0] ?? 0) : millis - (gaps[i] ?? 0)
    const activityId = idFrom(millis, low(ranks[i]))
    const actorId = user(actors[i])
    const audience = i === nextFollowersOnly ? 'followers' : 'public'
    if (audience === 'followers') nextFollowersOnly += 1 + (followerRuns[++followersOnly] ?? count)
    if (i === nextRepost) {
      const id = idFrom(millis - zigzagBack(rootGaps[repost] ?? 0), low(rootRanks[repost]))
      entries.push({ activityId, actorId, audience, root: { id, authorId: user(rootAuthors[repost]) } })
      nextRepost += 1 + (repostRuns[++repost] ?? count)
    } else entries.push({ activityId, actorId, audience })
  }
  if (repost !== repostCount || followersOnly !== forFollowersCount) throw new RangeError('more than there are entries')
  return { completeSince, candidates, entries }
}

function at<T>(values: readonly T[], place: number | undefined): T {
  const value = values[place ?? -1]
  if (value === undefined) throw new RangeError('no such place')
  return value
}
