import { createReadStream } from 'node:fs'
import { readEdges } from '../../../dev/edges.ts'
import { mulberry32, type Random } from '../../../dev/random.ts'

/** Who follows whom. People are numbered by how many follow them: 0 has the most followers. No self-loops, no repeats. */
export interface FollowGraph {
  readonly name: string
  readonly users: number
  readonly edges: number
  /** Followers of each. Never rises. */
  readonly followers: Int32Array
  /** Whom `n` follows: `followees` from `starts[n]` to `starts[n + 1]`, the most followed first. */
  readonly starts: Int32Array
  readonly followees: Int32Array
}

/** A graph of arcs between people numbered in any way. */
export function graphOf(name: string, users: number, from: Int32Array, to: Int32Array): FollowGraph {
  const raw = rowsOf(users, from, to)
  const counts = new Int32Array(users)
  for (const followee of raw.followees) counts[followee] = (counts[followee] ?? 0) + 1
  const byRank = Int32Array.from({ length: users }, (_, n) => n).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b)
  const rankOf = new Int32Array(users)
  for (const [rank, user] of byRank.entries()) rankOf[user] = rank
  const rank = (n: number) => rankOf[n] ?? 0
  const follower = new Int32Array(raw.followees.length)
  for (let user = 0; user < users; user++) follower.fill(rank(user), raw.starts[user], raw.starts[user + 1])
  const rows = rowsOf(users, follower, raw.followees.map(rank))
  return { name, users, edges: rows.followees.length, followers: Int32Array.from(byRank, (user) => counts[user] ?? 0), ...rows }
}

/** Arcs as sorted rows without repeats and self-loops. */
function rowsOf(users: number, from: Int32Array, to: Int32Array): Pick<FollowGraph, 'starts' | 'followees'> {
  const ends = new Int32Array(users + 1)
  for (const user of from) ends[user + 1] = (ends[user + 1] ?? 0) + 1
  for (let user = 0; user < users; user++) ends[user + 1] = (ends[user + 1] ?? 0) + (ends[user] ?? 0)
  const places = ends.slice(0, users)
  const all = new Int32Array(from.length)
  for (let arc = 0; arc < from.length; arc++) {
    const user = from[arc] ?? 0
    const place = places[user] ?? 0
    all[place] = to[arc] ?? 0
    places[user] = place + 1
  }
  const starts = new Int32Array(users + 1)
  let kept = 0
  for (let user = 0; user < users; user++) {
    let last = -1
    for (const followee of all.subarray(ends[user], ends[user + 1]).sort()) {
      if (followee !== last && followee !== user) all[kept++] = followee
      last = followee
    }
    starts[user + 1] = kept
  }
  return { starts, followees: all.slice(0, kept) }
}

/** The graph of an edge list. */
export async function graphIn(path: string, name: string): Promise<FollowGraph> {
  const numbers = new Map<string, number>()
  const numberOf = (handle: string): number => {
    const known = numbers.get(handle)
    if (known === undefined) numbers.set(handle, numbers.size)
    return known ?? numbers.size - 1
  }
  const from: number[] = []
  const to: number[] = []
  for await (const batch of readEdges(createReadStream(path), path)) {
    for (const [follower, followee] of batch) {
      from.push(numberOf(follower))
      to.push(numberOf(followee))
    }
  }
  return graphOf(name, numbers.size, Int32Array.from(from), Int32Array.from(to))
}

/**
 * A graph with a longer tail: the n-th most followed has about n^-0.7 as many followers as the first, whom more than a fifth of all follow; how many
 * somebody follows is log-normal, 28 in the mean. A function of the seed.
 */
export function generatedGraph(users: number, seed: number): FollowGraph {
  const random = mulberry32(seed)
  const degrees = Int32Array.from({ length: users }, () => Math.min(5_000, Math.max(1, Math.round(Math.exp(2.78 + 1.05 * normal(random))))))
  const arcs = degrees.reduce((sum, degree) => sum + degree, 0)
  const [from, to] = [new Int32Array(arcs), new Int32Array(arcs)]
  let arc = 0
  for (const [user, degree] of degrees.entries()) {
    for (let i = 0; i < degree; i++) {
      from[arc] = user
      // A number far from the follower's own: who follows many is not followed by many for that.
      to[arc++] = (Math.floor(users * random() ** 3.3) * 7_919 + 13) % users
    }
  }
  return graphOf(`generated, seed ${seed}`, users, from, to)
}

/** Box and Muller. */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
