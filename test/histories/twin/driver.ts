import { joinRaised, type Raised } from '../../../contract/version-token.ts'
import { readAuthor, readPost } from '../../../worker/feed/read-author.ts'
import { type FeedPage, readFeed } from '../../../worker/feed/read-feed.ts'
import { Problem } from '../../../contract/problem.ts'
import type { SharedTier } from '../../../worker/cache/ports.ts'
import type { FeedLifetimes } from '../../../worker/feed/keys.ts'
import { createMemorySharedTier } from '../../support/memory-shared-tier.ts'
import { mulberry32 } from '../../support/random.ts'
import type { HistoryClock } from '../clock.ts'
import type { Driver, Line, Outcome, Page, Token, Trouble, Write } from '../driver.ts'
import { createIsolate, type Isolate, sealCursor, unsealCursor } from './isolate.ts'
import { createNetwork, within } from './network.ts'
import { createTwinOrigin, type Written } from './origin.ts'
import type { Has } from './plants.ts'
import type { TwinRules } from './tables.ts'

const SECOND = 1_000
/** Of hours and days, seconds. */
const RULES: TwinRules = {
  timelineCap: 8,
  authorListCap: 5,
  chunkSize: 2,
  crowdThreshold: 3,
  candidateFloor: 2,
  timelineLifeMs: 40 * SECOND,
  announceMs: 15 * SECOND,
  departureMs: 45 * SECOND,
  dormantMs: 60 * SECOND,
  debtAfterMs: 5 * SECOND,
}
const LIFETIMES: FeedLifetimes = {
  timeline: { softMs: 12 * SECOND, hardMs: 40 * SECOND, graceMs: 0, absentMs: 2 * SECOND },
  crowd: { softMs: 5 * SECOND, hardMs: 10 * SECOND, graceMs: 60 * SECOND, absentMs: 2 * SECOND },
  author: { softMs: 6 * SECOND, hardMs: 30 * SECOND, graceMs: 60 * SECOND, absentMs: 2 * SECOND },
  post: { softMs: 6 * SECOND, hardMs: 30 * SECOND, graceMs: 60 * SECOND, absentMs: 2 * SECOND },
  user: { softMs: 10 * SECOND, hardMs: 30 * SECOND, graceMs: 60 * SECOND, absentMs: 2 * SECOND },
  viewer: { softMs: 10 * SECOND, hardMs: 25 * SECOND, graceMs: 60 * SECOND, absentMs: 5 * SECOND },
}
const ISOLATES = 3
/** What the worker waits for the origin, and for a write (milliseconds). */
const LOAD_MS = 2 * SECOND
const WRITE_MS = 5 * SECOND
/** After Redis is back: debts are due again, taken, and carried out (milliseconds). */
const PAID_MS = 6_500

interface Options {
  readonly seed: number
  readonly has: Has
  /** Redis may lose writes: then beats are told. */
  readonly beats: boolean
}

/** The twins as a system that histories are played on. */
export function createTwinDriver(clock: HistoryClock, { seed, has, beats }: Options): Driver & { close(): void } {
  const random = mulberry32(seed ^ 0x5eed)
  const network = createNetwork(random)
  const l2 = createMemorySharedTier(clock, {
    maxTail: 4,
    maxRecorded: 4,
    wayMs: network.l2Ms,
    journal: beats,
    without: (rule) =>
      (rule === 'fill merges pushes' && has('fill overwrites push')) ||
      (rule === 'invalidation voids the lease' && has('delete leaves the lease')) ||
      (rule === 'a push is not fresher' && has('pushed is fresh')) ||
      (rule === 'no fill of an older truth' && has('fill of an old truth')),
  })
  const origin = createTwinOrigin({ clock, random, l2, network, rules: RULES, has, beats, processes: 2 })
  let originDown = 0
  let leases = 0

  /** L2 as an isolate sees it. */
  const bounded = <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) => (...args: A): Promise<T> => within(clock, l2.deadlineMs, call(...args))
  const shared: SharedTier = {
    deadlineMs: l2.deadlineMs,
    read: bounded(l2.read),
    lease: bounded(l2.lease),
    release: bounded(l2.release),
    fill: bounded(l2.fill),
    invalidate: bounded(l2.invalidate),
  }
  async function reach<T>(work: () => Promise<T>): Promise<T> {
    if (originDown > 0) throw new Error('the origin is down')
    return work()
  }
  const isolate = (): Isolate =>
    createIsolate({
      clock,
      random,
      shared,
      load: (keys) => reach(() => origin.load(keys)),
      origin: {
        older: ({ viewerId, below, anchor, limit }) => within(clock, LOAD_MS, reach(() => origin.older(viewerId, below, anchor, limit))),
        olderOfAuthor: ({ authorId, below, limit }) => within(clock, LOAD_MS, reach(() => origin.olderOfAuthor(authorId, below, limit))),
      },
      lifetimes: LIFETIMES,
      rules: RULES,
      has,
      newToken: () => String(++leases).padStart(22, 't'),
    })
  const isolates = Array.from({ length: ISOLATES }, isolate)
  const isolateAt = (at: number): Isolate => isolates[at % ISOLATES] as Isolate

  const raisedOf = (token: Token): Raised => (token === undefined ? {} : JSON.parse(token))

  async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return { is: 'done', value: await work() }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return { is: error.status >= 500 ? 'unavailable' : 'refused', why: error.slug }
    }
  }

  function requested(what: Write): Promise<Written> {
    switch (what.does) {
      case 'post':
        return origin.post(what.who, what.text)
      case 'repost':
        return origin.repost(what.who, what.post)
      case 'undo':
        return origin.undoRepost(what.who, what.post)
      case 'delete':
        return origin.deletePost(what.who, what.post)
      case 'follow':
        return origin.follow(what.who, what.whom)
      case 'unfollow':
        return origin.unfollow(what.who, what.whom)
    }
  }

  /** Each process that lives at present. */
  const processes = () => origin.servers.map(({ process }) => process)

  async function trouble(what: Trouble): Promise<boolean> {
    switch (what.does) {
      case 'restart isolate':
        isolates[what.at % ISOLATES] = isolate()
        return false
      case 'lose keys':
        l2.lose(() => random() < what.share)
        return false
      case 'flush Redis':
        l2.flush()
        return false
      case 'replica lag':
        l2.replicaLagMs = what.ms
        return false
      case 'Redis down':
        l2.down = true
        await clock.sleep(what.ms)
        l2.down = false
        await clock.sleep(PAID_MS)
        return true
      case 'Redis restarts':
        l2.restoreTo(clock.nowMs() - what.from)
        await clock.sleep(PAID_MS)
        return true
      case 'origin down':
        originDown++
        await clock.sleep(what.ms)
        originDown--
        await clock.sleep(SECOND)
        return true
      case 'kill origin process': {
        const victim = origin.servers[Math.floor(random() * origin.servers.length)]?.process
        victim?.dieIn(what.steps)
        await clock.sleep(SECOND)
        victim?.dieIn(0)
        await clock.sleep(what.backMs)
        origin.start()
        await clock.sleep(PAID_MS)
        return true
      }
      case 'late fan-out': {
        const late = processes()
        for (const process of late) process[what.what === 'cut' ? 'cutLateMs' : 'pushLateMs'] = what.ms
        await clock.sleep(SECOND)
        for (const process of late) process.cutLateMs = process.pushLateMs = 0
        await clock.sleep(what.ms + SECOND)
        return true
      }
      case 'clock steps': {
        const [first] = processes()
        if (first) first.skewMs = what.ms
        return false
      }
    }
  }

  function pageOf(page: FeedPage, owner: string, degraded: ReadonlySet<string>): Page {
    return {
      lines: page.lines.map(({ json }) => lineOf(json)),
      next: page.next ? sealCursor(owner, page.next, has) : null,
      gap: page.gap,
      degraded: [...new Set([...page.degraded, ...degraded])],
    }
  }

  return {
    isolates: ISOLATES,
    nowMs: clock.nowMs,
    sleep: (ms) => clock.sleep(ms),
    close: origin.close,
    async setUp({ people, follows, posts }) {
      const idOf = new Map(people.map((name, i) => [name, String(1_500_000_000_000_000_000n + BigInt(i))]))
      const id = (name: string): string => idOf.get(name) as string
      for (const name of people) origin.tables.addUser(id(name), name)
      const made = posts.map(({ who, text, agoMs }, i) => origin.tables.importPost(id(who), text, clock.nowMs() - agoMs, i))
      for (const [viewer, author] of follows) origin.tables.importFollow(id(viewer), id(author))
      origin.tiersChanged()
      return { people: people.map(id), posts: made }
    },
    async write(what, token) {
      try {
        const written = await within(clock, WRITE_MS, reach(() => requested(what)))
        if ('refused' in written) return { is: 'refused', why: written.refused }
        return { is: 'done', value: { id: written.id, token: JSON.stringify(joinRaised(raisedOf(token), written.raised)) } }
      } catch {
        return { is: 'unknown' }
      }
    },
    feed: (viewerId, { at, cursor: text, limit, token }) =>
      outcomeOf(async () => {
        const owner = `following ${viewerId}`
        const cursor = text === undefined ? undefined : unsealCursor(owner, text, has)
        if (text !== undefined && !cursor) throw new Problem('bad-cursor', 'not yours')
        const { feed, turn } = isolateAt(at)
        const asked = turn(token === undefined ? undefined : raisedOf(token))
        return pageOf(await readFeed(feed, { viewerId, cursor, limit }, asked.turn), owner, asked.degraded)
      }),
    author: (authorId, _reader, { at, cursor: text, limit, token }) =>
      outcomeOf(async () => {
        const owner = `author ${authorId}`
        const cursor = text === undefined ? undefined : unsealCursor(owner, text, has)
        const { feed, turn } = isolateAt(at)
        const asked = turn(token === undefined ? undefined : raisedOf(token))
        return pageOf(await readAuthor(feed, { authorId, cursor, limit }, asked.turn), owner, asked.degraded)
      }),
    post: (postId, _reader, { at, token }) =>
      outcomeOf(async () => {
        const { feed, turn } = isolateAt(at)
        const { json } = await readPost(feed, postId, turn(token === undefined ? undefined : raisedOf(token)).turn)
        return lineOf(json)
      }),
    trouble,
  }
}

const decoder = new TextDecoder()

/** A line as a client parses it. */
export function lineOf(json: Uint8Array): Line {
  const { id, text, author, activity_id: activityId, reposted_by: repostedBy } = JSON.parse(decoder.decode(json))
  return { activityId, postId: id, authorId: author.id, repostedBy: repostedBy?.id, text }
}
