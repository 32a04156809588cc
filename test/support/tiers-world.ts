import { sql } from 'drizzle-orm'
import type { EntryList } from '../../contract/timeline.ts'
import { listsOf } from '../../origin/db/author-lists.ts'
import type { Database } from '../../origin/db/client.ts'
import { backfill, deleteFollow, insertFollow } from '../../origin/db/follows.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { rebuild, unwrittenTimelineOf } from '../../origin/db/rebuilds.ts'
import { crowd, stepTiers } from '../../origin/db/tiers.ts'
import { bigFolloweesOf, timelineOf } from '../../origin/db/timelines.ts'
import { enrol, findViewers, NOT_REBUILT, noteActivity, retireViewers } from '../../origin/db/viewers.ts'

import { fanoutWorker } from './fan-out.ts'

import { makeUsers } from './people.ts'

/** Rows a timeline keeps, and activities an author's list keeps: small, so that floors matter. */
const CAP = 6
const LIST_CAP = 4
const THRESHOLD = 1_000
const HOT_THRESHOLD = 400
export const SIZES = { few: 10, some: 500, many: THRESHOLD } as const
/** As long as all waiting times here are: an hour. Time passes by moving what Postgres noted into the past. */
const LIFE_MS = 3_600_000

/** A timeline in a cache: as it was filled, and what was pushed to it. */
interface Cached extends EntryList {
  readonly candidates: readonly string[]
  readonly ageMs: number
}

/** Defects by which a test shows that it would notice them. */
export type Defect = 'fills are rows alone' | 'leaves at once' | 'nobody is marked as present'

let nextId = 2_150_000_000_000_000_000n

/**
 * Postgres with everything the origin does to it around the changes of an author's tier, step by step, and the caches of the edge as plain values. Each
 * method is one transaction of one process: whatever order they are called in may happen.
 */
export async function createTiersWorld(db: Database, defect?: Defect) {
  // Whoever was in an earlier world is out of the tiers.
  await db.execute(sql`update authors set route = 'push', candidate_since = null, hot = false, follower_count = 0`)
  const authors = await makeUsers(db, 2)
  const viewers = await makeUsers(db, 3)
  const cached = new Map<string, Cached>()
  /** The edge's copy of `crowd`: until it is dropped, an old one may be used. */
  let crowdCopy: ReadonlySet<string> | undefined
  const posts: { readonly id: bigint; readonly authorId: string }[] = []
  const rules = {
    crowdThreshold: THRESHOLD,
    leaveShare: 0.8,
    holdMs: LIFE_MS,
    candidateFloor: 1,
    timelineLifeMs: LIFE_MS,
    announceMs: LIFE_MS,
    hotThreshold: HOT_THRESHOLD,
    hotLeaveShare: 0.8,
    hotHoldMs: LIFE_MS,
  }

  const worker = fanoutWorker(db, {
    async push(chunks) {
      for (const { entry, viewers: ids } of chunks) {
        for (const viewerId of viewers.filter((id) => ids.includes(id))) {
          const value = cached.get(viewerId)
          if (value) cached.set(viewerId, { ...value, entries: [entry, ...value.entries] })
        }
      }
    },
    observe: (event) => {
      if (event.type !== 'fanout-chunks') throw event.error
    },
    chunkSize: 2,
  })

  /** What a load of the timeline answers; undefined for a dormant viewer. */
  async function load(viewerId: string): Promise<Cached | undefined> {
    const [viewer] = await findViewers(db, [viewerId])
    if (!viewer?.enrolled) return undefined
    const big = await bigFolloweesOf(db, viewer.viewerId)
    const candidates = big.candidates.map(String)
    if (viewer.completeSince === NOT_REBUILT) {
      const { completeSince, entries } = await unwrittenTimelineOf(db, viewer.viewerId, CAP)
      return { completeSince: String(completeSince), candidates, entries, ageMs: 0 }
    }
    const unpushed = defect === 'fills are rows alone' ? [] : big.unpushed
    const rows = await timelineOf(db, viewer.viewerId, viewer.completeSince, CAP + 1, unpushed)
    return { completeSince: String(rows[CAP]?.activityId ?? viewer.completeSince), candidates, entries: rows.slice(0, CAP), ageMs: 0 }
  }

  /** What a reader sees of a timeline and the lists of candidates ∩ crowd, against what stands above the floor of both. */
  async function compare(viewerId: string, timeline: Cached, crowded: ReadonlySet<string>): Promise<void> {
    const followees = (
      await db.execute<{ id: string }>(sql`
        select followee_id::text as id from follows f where follower_id = ${viewerId}
          and not exists (select from backfills b where b.viewer_id = follower_id and author_id = followee_id)`)
    ).map((row) => row.id)
    const pulled = timeline.candidates.filter((id) => crowded.has(id))
    const rows = Map.groupBy(await listsOf(db, pulled, 'public', LIST_CAP + 1), (row) => row.actorId)
    const lists = [...rows.values()].map((list) => ({
      completeSince: list[LIST_CAP]?.activityId ?? '0',
      entries: list.slice(0, LIST_CAP),
    }))
    const sources = [timeline, ...lists]
    const floor = sources.map(({ completeSince }) => BigInt(completeSince)).reduce((a, b) => (a > b ? a : b))
    const shown = new Set(sources.flatMap(({ entries }) => entries.map(({ activityId }) => activityId)))
    const standing = await db.execute<{ id: string }>(sql`
      select id::text from posts where deleted_at is null and id > ${floor} and author_id = any(${`{${followees.join(',')}}`}::bigint[])`)
    const missing = standing.filter(({ id }) => !shown.has(id)).map(({ id }) => id)
    if (missing.length > 0) throw new Error(`viewer ${viewers.indexOf(viewerId)} misses ${missing.join(', ')} above ${floor}`)
  }

  return {
    async post(author: number): Promise<void> {
      const authorId = authors[author] ?? ''
      await db.transaction((tx) => insertActivity(tx, { id: ++nextId, authorId: BigInt(authorId), text: 'x', root: null }))
      posts.push({ id: nextId, authorId })
      await worker.drain(new AbortController().signal)
    },
    async remove(place: number): Promise<void> {
      const post = posts[place % Math.max(1, posts.length)]
      if (post) await db.transaction((tx) => deleteActivity(tx, post.id, BigInt(post.authorId)))
    },
    async follow(viewer: number, author: number): Promise<void> {
      await db.transaction((tx) => insertFollow(tx, BigInt(viewers[viewer] ?? ''), BigInt(authors[author] ?? '')))
    },
    /** The second half of a follow, which acknowledges it. */
    async settle(viewer: number, author: number): Promise<void> {
      const viewerId = viewers[viewer] ?? ''
      if (await db.transaction((tx) => backfill(tx, BigInt(viewerId), BigInt(authors[author] ?? ''), CAP))) cached.delete(viewerId)
    },
    async unfollow(viewer: number, author: number): Promise<void> {
      await db.transaction((tx) => deleteFollow(tx, BigInt(viewers[viewer] ?? ''), BigInt(authors[author] ?? '')))
    },
    /** The viewer has not read for a month. */
    async retire(viewer: number): Promise<void> {
      const viewerId = viewers[viewer] ?? ''
      cached.delete(viewerId)
      await db.execute(sql`update viewers set last_active_at = now() - interval '40 days' where viewer_id = ${viewerId}`)
      await db.transaction((tx) => retireViewers(tx, 30, 10))
    },
    /** A reader's turn: a return where it is due, then a fill. */
    async fill(viewer: number): Promise<void> {
      const viewerId = viewers[viewer] ?? ''
      await db.transaction((tx) => enrol(tx, BigInt(viewerId)))
      await noteActivity(db, BigInt(viewerId))
      if (defect === 'nobody is marked as present')
        await db.execute(sql`update viewers set present_until = '-infinity' where viewer_id = ${viewerId}`)
      const loaded = await load(viewerId)
      if (loaded) cached.set(viewerId, loaded)
    },
    /** The second half of a return, which comes behind the answer, or never. */
    async rebuild(viewer: number): Promise<void> {
      const viewerId = BigInt(viewers[viewer] ?? '')
      await db.transaction((tx) => rebuild(tx, viewerId, CAP))
    },
    async refreshCrowd(): Promise<void> {
      crowdCopy = new Set((await crowd(db)).authorIds.map(String))
    },
    async setFollowers(size: keyof typeof SIZES): Promise<void> {
      await db.execute(sql`update authors set follower_count = ${SIZES[size]} where author_id = ${authors[0]}`)
    },
    async step(): Promise<void> {
      const owed = await db.transaction((tx) => stepTiers(tx, rules, 'crowd'))
      if (owed.length > 0) crowdCopy = undefined
      if (defect === 'leaves at once') await db.execute(sql`update authors set demoted_at = '-infinity' where route = 'demoted'`)
    },
    /** Six tenths of a life pass: of `crowd` no copy is that old. */
    async pass(): Promise<void> {
      crowdCopy = undefined
      const ms = LIFE_MS * 0.6
      for (const [viewerId, value] of cached) {
        if (value.ageMs + ms >= LIFE_MS) cached.delete(viewerId)
        else cached.set(viewerId, { ...value, ageMs: value.ageMs + ms })
      }
      const ago = sql`make_interval(secs => ${ms / 1_000})`
      await db.execute(sql`
        update authors set candidate_since = candidate_since - ${ago}, announced_at = announced_at - ${ago}, demoted_at = demoted_at - ${ago},
          hot_changed_at = hot_changed_at - ${ago}`)
    },
    async route(author: number): Promise<string | undefined> {
      const [row] = await db.execute<{ route: string }>(sql`select route from authors where author_id = ${authors[author]}`)
      return row?.route
    },
    /** Every reader, by the timeline a cache holds and by one loaded now, sees everything. */
    async check(): Promise<void> {
      const now = new Set((await crowd(db)).authorIds.map(String))
      crowdCopy ??= now
      const copy = crowdCopy
      await Promise.all(
        viewers.map(async (viewerId) => {
          const loaded = await load(viewerId)
          const values = [cached.get(viewerId), loaded].filter((value) => value !== undefined)
          await Promise.all(values.map((value) => compare(viewerId, value, copy)))
        }),
      )
    },
  }
}
export type TiersWorld = Awaited<ReturnType<typeof createTiersWorld>>
