import type { Cursor, Gap } from '../../../contract/cursor.ts'
import { Problem } from '../../../contract/problem.ts'
import { joinRaised, type Raised } from '../../../contract/version-token.ts'
import type { Line as HydratedLine } from '../../../worker/feed/hydrate.ts'
import { bodyOf } from '../../../worker/feed/page-body.ts'
import type { From as FeedFrom } from '../../../worker/feed/position.ts'
import { readAuthor } from '../../../worker/feed/read-author.ts'
import { type FeedPage, readFeed } from '../../../worker/feed/read-feed.ts'
import { readPost } from '../../../worker/feed/read-post.ts'
import { createMemorySharedTier } from '../../support/memory-shared-tier.ts'
import { mulberry32 } from '../../support/random.ts'
import type { HistoryClock } from '../clock.ts'
import type { Driver, From, Line, Outcome, Page, Token, Trouble } from '../driver.ts'
import { createIsolate, type Isolate, sealed, spoilt, unsealed } from './isolate.ts'
import { createNetwork, within } from './network.ts'
import { createServers } from './origin.ts'
import { importFollow } from './people.ts'
import type { Has } from './plants.ts'
import { importPost } from './posts.ts'
import { createReads } from './reads.ts'
import { LIFETIMES, RULES, SECOND } from './settings.ts'
import { addUser, createState } from './state.ts'
import { createWrites } from './writes.ts'

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
      (rule === 'a push is not fresher' && has('pushed is fresh')),
  })
  const state = createState(clock.nowMs, seed % 2 === 0 ? RULES : { ...RULES, hotThreshold: Number.POSITIVE_INFINITY }, has)
  const servers = createServers({ clock, random, l2, network, state, beats })
  const write = createWrites(state, servers, clock)
  const reads = createReads(state, servers)
  let originDown = 0
  let leases = 0

  async function reach<T>(work: () => Promise<T>): Promise<T> {
    if (originDown > 0) throw new Error('the origin is down')
    return work()
  }
  const isolate = (): Isolate =>
    createIsolate({
      clock,
      random,
      shared: l2,
      load: (keys) => reach(() => reads.load(keys)),
      origin: {
        older: (ask) =>
          within(
            clock,
            LOAD_MS,
            reach(() => reads.older(ask)),
          ),
        olderOfAuthor: (ask) =>
          within(
            clock,
            LOAD_MS,
            reach(() => reads.olderOfAuthor(ask)),
          ),
        marks: (ask) =>
          within(
            clock,
            LOAD_MS,
            reach(() => reads.marks(ask)),
          ),
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

  /** Each process that lives at present. */
  const processes = () => servers.servers.map(({ process }) => process)

  async function trouble(what: Trouble): Promise<boolean> {
    switch (what.does) {
      case 'restart isolate':
        isolates[what.isolate % ISOLATES] = isolate()
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
      case 'Postgres slow':
        network.slow(true)
        await clock.sleep(what.ms)
        network.slow(false)
        await clock.sleep(3 * SECOND)
        return true
      case 'kill origin process': {
        const victim = servers.servers[Math.floor(random() * servers.servers.length)]?.process
        victim?.dieIn(what.steps)
        await clock.sleep(SECOND)
        victim?.dieIn(0)
        await clock.sleep(what.backMs)
        servers.start()
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

  const pageOf = (page: FeedPage, owner: string, degraded: ReadonlySet<string>): Page => ({
    lines: page.lines.map(lineOf),
    next: page.next ? sealed(`${owner} cursor`, spoilt(page.next, has)) : null,
    top: page.top ? sealed(`${owner} cursor`, page.top) : null,
    gap: page.gap ? sealed(`${owner} gap`, page.gap) : null,
    source: page.source,
    degraded: [...new Set([...page.degraded, ...degraded])],
  })

  function opened<T extends object>(owner: string, text: string): T {
    const value = unsealed<T>(owner, text, has)
    if (!value) throw new Problem('bad-cursor', 'not yours')
    return value
  }
  function fromOf(owner: string, from: From): FeedFrom {
    switch (from.at) {
      case 'top':
        return { kind: 'scroll', cursor: undefined }
      case 'next':
        return { kind: 'scroll', cursor: opened<Cursor>(`${owner} cursor`, from.cursor) }
      case 'since':
        return { kind: 'since', top: opened<Cursor>(`${owner} cursor`, from.cursor) }
      case 'gap':
        return { kind: 'gap', gap: opened<Gap>(`${owner} gap`, from.cursor) }
    }
  }
  const turnAt = (place: number, token: Token) => {
    const { feed, turn } = isolateAt(place)
    return { feed, ...turn(token === undefined ? undefined : raisedOf(token)) }
  }

  servers.start()
  servers.start()
  return {
    isolates: ISOLATES,
    nowMs: clock.nowMs,
    sleep: (ms) => clock.sleep(ms),
    close: servers.close,
    async setUp({ people, follows, posts }) {
      const idOf = new Map(people.map((name, i) => [name, String(1_500_000_000_000_000_000n + BigInt(i))]))
      const id = (name: string): string => idOf.get(name) as string
      for (const name of people) addUser(state, id(name), name)
      const made = posts.map(({ who, text, agoMs }, i) => importPost(state, id(who), text, clock.nowMs() - agoMs, i))
      for (const [viewer, author] of follows) importFollow(state, id(viewer), id(author))
      servers.tiersChanged()
      return { people: people.map(id), posts: made }
    },
    async write(what, token) {
      try {
        const written = await within(
          clock,
          WRITE_MS,
          reach(() => write(what)),
        )
        if ('refused' in written) return { is: 'refused', why: written.refused }
        const { id, requested = false, raised } = written
        return { is: 'done', value: { id, requested, token: JSON.stringify(joinRaised(raisedOf(token), raised)) } }
      } catch {
        return { is: 'unknown' }
      }
    },
    feed: (viewerId, { isolate, from, limit, token }) =>
      outcomeOf(async () => {
        const owner = `following ${viewerId}`
        const { feed, turn, degraded } = turnAt(isolate, token)
        return pageOf(await readFeed(feed, { viewerId, from: fromOf(owner, from), limit }, turn), owner, degraded)
      }),
    author: (authorId, viewerId, { isolate, from, limit, token }) =>
      outcomeOf(async () => {
        const owner = `author ${authorId}`
        const { feed, turn, degraded } = turnAt(isolate, token)
        const cursor = from.at === 'top' ? undefined : opened<Cursor>(`${owner} cursor`, from.cursor)
        return pageOf(await readAuthor(feed, { authorId, viewerId, cursor, limit }, turn), owner, degraded)
      }),
    post: (postId, viewerId, { isolate, token }) =>
      outcomeOf(async () => {
        const { feed, turn } = turnAt(isolate, token)
        return lineOf((await readPost(feed, { postId, viewerId }, turn)).line)
      }),
    trouble,
  }
}

const decoder = new TextDecoder()

/** A line as a client parses it. */
function lineOf(line: HydratedLine): Line {
  const {
    id,
    text,
    author,
    activity_id: activityId,
    reposted_by: repostedBy,
    mine = {},
    reposters,
  } = JSON.parse(decoder.decode(bodyOf(line)))
  return {
    activityId,
    postId: id,
    authorId: author.id,
    repostedBy: repostedBy?.id,
    text,
    liked: mine.liked === true,
    reposted: mine.reposted === true,
    reposters: (reposters?.first ?? []).map((profile: { readonly id: string }) => profile.id),
  }
}
