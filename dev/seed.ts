import { firstIdAt } from '../contract/ids.ts'
import type { DemoGraph, DemoPost } from '../origin/db/seed.ts'
import { mulberry32, type Random } from './random.ts'
import { FIRST_NAMES, LAST_NAMES, textOf } from './seed-texts.ts'

export interface DemoOptions {
  readonly seed: number
  /** The newest post is a minute older (epoch milliseconds). */
  readonly nowMs: number
  readonly users?: number
  readonly follows?: number
  readonly posts?: number
}

/** Whom `npm start` reads as: follows a good mix of crowded and small authors. */
export const DEMO_READER = 'ada.arden'
const DEMO_READER_FOLLOWS = 40

const DAY_MS = 86_400_000
/** Accounts were made between these moments whenever the demo is: user ids then depend on the seed alone. */
const FIRST_ACCOUNT_MS = Date.UTC(2024, 0, 1)
const LAST_ACCOUNT_MS = Date.UTC(2026, 0, 1)
const NEWEST_POST_AGE_MS = 60_000
const POSTING_DAYS = 5
const REPOST_SHARE = 0.12

/**
 * A small world: people with names, follows by a power law (the first few are followed by half of everybody), posts that get denser
 * towards now, a part of them reposts of what the reposter follows. The same seed and moment give the same world.
 */
export function createDemo({ seed, nowMs, users: userCount = 500, follows = 6_000, posts = 2_000 }: DemoOptions): DemoGraph {
  const random = mulberry32(seed)
  const users = makeUsers(userCount, random)
  const followees = makeFollowees(users, follows, random)
  return {
    users,
    follows: [...followees].flatMap(([followerId, ids]) => [...ids].map((followeeId) => ({ followerId, followeeId }))),
    posts: makePosts(users, followees, { count: posts, nowMs, random }),
  }
}

type Users = DemoGraph['users']

/** In the order of their fame; the reader is one of the less known. */
function makeUsers(count: number, random: Random): Users {
  const names = FIRST_NAMES.flatMap((first) =>
    LAST_NAMES.map((last) => ({ handle: `${first}.${last}`.toLowerCase(), name: `${first} ${last}` })),
  )
  if (count > names.length) throw new Error(`there are names for ${names.length} users only`)
  const reader = names.findIndex(({ handle }) => handle === DEMO_READER)
  const [readerName] = names.splice(reader, 1)
  const chosen = shuffled(names, random).slice(0, count - 1)
  if (readerName) chosen.splice(Math.floor(count / 2), 0, readerName)
  const stepMs = (LAST_ACCOUNT_MS - FIRST_ACCOUNT_MS) / count
  const ids = shuffled(
    chosen.map((_, index) => firstIdAt(Math.floor(FIRST_ACCOUNT_MS + (index + random()) * stepMs)) | BigInt(index % 4_096)),
    random,
  )
  return chosen.map((name, index) => ({ ...name, id: ids[index] ?? 0n }))
}

/** Everybody's followees, drawn by fame; how many somebody follows varies from a few to dozens. */
function makeFollowees(users: Users, follows: number, random: Random): Map<bigint, Set<bigint>> {
  const drawFamous = drawer(users, (rank) => (rank + 3) ** -1.05, random)
  const appetites = users.map(() => 0.3 + 1.4 * random() ** 2)
  const perAppetite = follows / appetites.reduce((sum, appetite) => sum + appetite, 0)
  return new Map(
    users.map(({ id, handle }, index) => {
      const wanted = handle === DEMO_READER ? DEMO_READER_FOLLOWS : Math.round((appetites[index] ?? 0) * perAppetite)
      const ids = new Set<bigint>()
      while (ids.size < Math.min(wanted, users.length - 1)) {
        const followee = drawFamous()
        if (followee.id !== id) ids.add(followee.id)
      }
      return [id, ids]
    }),
  )
}

function makePosts(
  users: Users,
  followees: ReadonlyMap<bigint, ReadonlySet<bigint>>,
  { count, nowMs, random }: { count: number; nowMs: number; random: Random },
): DemoPost[] {
  const drawAuthor = drawer(users, (rank) => (rank + 5) ** -0.5, random)
  const agesMs = Array.from({ length: count }, () => NEWEST_POST_AGE_MS + (POSTING_DAYS * DAY_MS - NEWEST_POST_AGE_MS) * random() ** 1.5)
  const posts: DemoPost[] = []
  const reposted = new Set<string>()
  for (const [index, ageMs] of agesMs.toSorted((a, b) => b - a).entries()) {
    const { id: authorId } = drawAuthor()
    const id = firstIdAt(Math.floor(nowMs - ageMs)) | BigInt(index % 4_096)
    const recent = posts.slice(-150).filter((post) => post.root === null && followees.get(authorId)?.has(post.authorId))
    const root = random() < REPOST_SHARE ? recent[Math.floor(random() * recent.length)] : undefined
    const pair = `${authorId} ${root?.id}`
    if (root && !reposted.has(pair)) {
      reposted.add(pair)
      posts.push({ id, authorId, text: null, root: { id: root.id, authorId: root.authorId } })
    } else {
      posts.push({ id, authorId, text: textOf(random), root: null })
    }
  }
  return posts
}

/** Draws items by their weight, which depends on their place. */
function drawer<T>(items: readonly T[], weightAt: (rank: number) => number, random: Random): () => T {
  let total = 0
  const ends = items.map((_, rank) => {
    total += weightAt(rank)
    return total
  })
  return () => {
    const at = random() * total
    const item = items[ends.findIndex((end) => at < end)]
    if (item === undefined) throw new Error('there is nothing to draw from')
    return item
  }
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items]
  return items.flatMap(() => rest.splice(Math.floor(random() * rest.length), 1))
}
