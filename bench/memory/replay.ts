import { parseKey } from '../../contract/l2/keys.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { MAX_PULLED } from '../../contract/timeline.ts'
import { mulberry32 } from '../../dev/random.ts'
import { drawer } from '../../dev/simulate/chance.ts'
import { type Action, planOf } from '../../dev/simulate/model.ts'
import type { Step } from '../../dev/simulate/session.ts'
import { createMemorySharedTier } from '../../test/support/memory-shared-tier.ts'
import { createBackoff } from '../../worker/cache/backoff.ts'
import { createBreaker } from '../../worker/cache/breaker.ts'
import { DEFAULTS } from '../../worker/cache/core.ts'
import type { Key } from '../../worker/cache/entry.ts'
import type { Layer } from '../../worker/cache/events.ts'
import { createLimiter } from '../../worker/cache/limiter.ts'
import { createMemoryTier } from '../../worker/cache/memory-tier.ts'
import type { Load, SharedTier } from '../../worker/cache/ports.ts'
import { createReadThrough, type ReadThrough } from '../../worker/cache/read-through.ts'
import type { Turn } from '../../worker/cache/reader.ts'
import { createRefresh } from '../../worker/cache/refresh.ts'
import { createSources } from '../../worker/cache/sources.ts'
import { type Config, parseConfig } from '../../worker/config.ts'
import { createHydrate } from '../../worker/feed/hydrate.ts'
import { createFeedKeys } from '../../worker/feed/keys.ts'
import { readAuthor } from '../../worker/feed/read-author.ts'
import { type FeedPage, type FeedParts, readFeed } from '../../worker/feed/read-feed.ts'
import { readPost } from '../../worker/feed/read-post.ts'
import { type Costs, createCosts, type ReadCost } from './costs.ts'
import type { Change, OriginModel } from './origin-model.ts'
import type { Rule } from './rules.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Replay {
  readonly seed: number
  /** Simulated minutes per minute: shortens pauses and raises rates, not the lives of caches. */
  readonly speed: number
  /** Readers of an hour's simulated activity; more of them is a busier colo. */
  readonly readers: number
  readonly isolates: number
  readonly warmMs: number
  readonly measureMs: number
  /** Makes the rule of an isolate. */
  readonly rule: () => Rule
  /** Hears each key that is invalidated. */
  readonly invalidated: (key: string) => void
}

/** A round trip to L2 in the same region, and a load (milliseconds). */
const L2_MS = 5
const LOAD_MS = 40
/** `planOf` lowers the rates of more readers than this at speed 1, so a crowd is several plans. */
const READERS_PER_PLAN = 50_000
const PAGE = 50

const config: Config = parseConfig({
  ORIGIN_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_TOKEN: 'token',
  JWT_SECRET: 'sixteen characters',
  EDGE_SECRET: 'sixteen characters',
  SIGNING_SECRET: 'sixteen characters',
})

/** Replays readers and authors through the real read path of some isolates around one L2, in virtual time, and counts what that costs. */
export async function replay(origin: OriginModel, time: VirtualTime, order: Replay): Promise<Costs> {
  const random = mulberry32(order.seed)
  const costs = createCosts()
  const startMs = time.nowMs()
  const measureFromMs = startMs + order.warmMs
  const endMs = measureFromMs + order.measureMs
  const measuring = () => time.nowMs() >= measureFromMs

  const l2 = createMemorySharedTier(time)
  l2.latencyMs = L2_MS
  const timelinesSeen = new Set<string>()
  /** A timeline lives for hours: whoever reads in this hour has read in the last ones too. */
  function keepTimelines(keys: readonly string[]): void {
    for (const key of keys) {
      if (!key.startsWith('tl:') || timelinesSeen.has(key)) continue
      timelinesSeen.add(key)
      const [loaded] = origin.load([key])
      if (!loaded) continue
      const hourMs = 3_600_000
      const nowMs = time.nowMs()
      const softExpiresAtMs = nowMs + hourMs
      const life = { softExpiresAtMs, hardExpiresAtMs: nowMs + 12 * hourMs, graceEndsAtMs: nowMs + 12 * hourMs, deltaMs: LOAD_MS }
      const text = encodeValue({ ...life, truth: loaded.truth, stamp: 1, tailLength: 0, payload: loaded.payload })
      void l2.invalidate([{ key, truth: loaded.truth, replacement: { text, keepMs: 12 * hourMs } }])
    }
  }
  const counted: SharedTier = {
    deadlineMs: l2.deadlineMs,
    invalidate: (invalidations) => l2.invalidate(invalidations),
    async read(keys) {
      keepTimelines(keys)
      const answer = await l2.read(keys)
      l2.calls.length = 0
      if (measuring()) {
        costs.mgets++
        for (const stored of answer) costs.mgetBytes += stored ? 73 + (stored.payload?.length ?? 0) : 4
      }
      return answer
    },
    lease: (...args) => script(() => l2.lease(...args)),
    release: (...args) => script(() => l2.release(...args)),
    fill: (...args) => script(() => l2.fill(...args)),
  }
  function script<T>(call: () => Promise<T>): Promise<T> {
    if (measuring()) costs.scripts++
    return call()
  }
  async function publish({ push, invalidate }: Change): Promise<void> {
    for (const { key } of invalidate) {
      order.invalidated(key)
      if (measuring()) costs.invalidations++
    }
    if (push)
      await l2.push(
        [push.entry],
        push.keys.map((key) => ({ key, entry: 0 })),
      )
    if (invalidate.length > 0) await l2.invalidate(invalidate)
  }

  /** As worker/cache/core.ts puts it together, with the rule between its parts. */
  function isolate(): FeedParts {
    const rule = order.rule()
    const { maxAgeMs, beta, sharedSoftMs, loadSoftMs, loadDeadlineMs } = DEFAULTS
    const breaker = createBreaker({ failures: 5, openMs: 1_000 }, time)
    const backoff = createBackoff({ firstMs: 250, maxMs: 900, refusedMs: 50 }, time, random)
    const limiter = createLimiter({ max: 10_000, waitMs: 1_000, holdMs: 4_000 }, time, random)
    const load: Load = async (keys) => {
      const loaded = origin.load(keys)
      await time.sleep(LOAD_MS)
      if (measuring()) costs.loads++
      return loaded
    }
    let tokens = 0
    const newToken = () => String(++tokens).padStart(22, 't')
    const common = { clock: time, random, backoff, limiter, breaker, load, newToken }
    const memory = rule.memory(createMemoryTier(config.MEMORY_BYTES))
    const shared = rule.shared(counted)
    const leasing = { loadDeadlineMs, leaseMs: 4_000, waitMs: 2_000, pollMs: 20, lease: true, loadsTogether: true }
    const refresh = createRefresh({ ...common, shared, options: leasing })
    const flying = { flightMs: 6_500, readFlightMs: 600, replicaLagMs: 1_000, singleflight: true, batching: true, loadsTogether: true }
    const sources = rule.sources(createSources({ memory, shared, refresh, clock: time, options: { maxAgeMs, beta, ...flying } }))
    const reading = { maxAgeMs, beta, sharedSoftMs, sharedSoftAgeMs: 2 * maxAgeMs, loadSoftMs, leases: true }
    const through = createReadThrough({ ...common, sources, busy: () => limiter.full, options: reading })
    function count(asked: readonly Key<unknown>[], layerOf: (key: Key<unknown>) => Layer | undefined): void {
      if (measuring()) for (const key of asked) costs.answer(parseKey(key.text)?.kind ?? 'crowd', layerOf(key))
    }
    const booked =
      (ask: ReadThrough['many']): ReadThrough['many'] =>
      async (asked, turn) => {
        const found = await ask(asked, turn)
        count(asked, (key) => found.get(key)?.layer)
        return found
      }
    const read: ReadThrough = {
      ...through,
      many: booked(through.many),
      ask: booked(through.ask),
      quiet(asked, turn) {
        const held = through.quiet(asked, turn)
        if (held) count(asked, () => 'memory')
        return held
      },
    }
    const keys = createFeedKeys(config.LIFETIMES)
    const older = {
      older: async () => ({ entries: [] }),
      olderOfAuthor: async () => ({ entries: [] }),
      marks: async () => ({ liked: [], reposted: [] }),
    }
    return { read, keys, hydrate: createHydrate(read, keys), origin: older, maxPulled: MAX_PULLED }
  }
  const isolates = Array.from({ length: order.isolates }, isolate)

  /** Makes one read in one of the isolates and books what it waited for. */
  async function book<T>(kind: ReadCost['kind'], work: (feed: FeedParts, turn: Turn) => Promise<T>): Promise<T | undefined> {
    const feed = isolates[Math.floor(random() * isolates.length)]
    if (!feed) return undefined
    const cost: ReadCost = { kind, sharedWaits: 0, originWaits: 0 }
    const turn: Turn = {
      reader: { waitUntil() {} },
      leastTruth: undefined,
      dice: random(),
      observe(event) {
        if (event.type === 'waited') cost[event.layer === 'shared' ? 'sharedWaits' : 'originWaits']++
      },
    }
    const counts = measuring()
    const answer = await work(feed, turn).catch(() => undefined)
    if (counts) costs.book(cost)
    return answer
  }

  const drawSomeone = drawer(origin.people.map(({ followers }) => followers + 1))
  interface Person {
    page: FeedPage | undefined
    readonly reposted: string[]
  }
  const persons = new Map<number, Person>()
  async function step(place: number, person: Person, { act, pick }: Step): Promise<void> {
    const viewerId = origin.idOf(place)
    const lines = person.page?.lines ?? []
    const postId = lines[Math.floor(pick ** 2 * lines.length)]?.activityId
    const authorId = postId === undefined ? undefined : origin.authorOf(postId)
    switch (act) {
      case 'open':
      case 'refresh':
        person.page = await book('feed', (feed, turn) =>
          readFeed(feed, { viewerId, from: { kind: 'scroll', cursor: undefined }, limit: PAGE }, turn),
        )
        return
      case 'scroll': {
        const cursor = person.page?.next
        if (cursor)
          person.page = await book('feed', (feed, turn) =>
            readFeed(feed, { viewerId, from: { kind: 'scroll', cursor }, limit: PAGE }, turn),
          )
        return
      }
      case 'author':
        if (authorId)
          await book('author', (feed, turn) => readAuthor(feed, { authorId, viewerId: undefined, cursor: undefined, limit: PAGE }, turn))
        return
      case 'post':
        if (postId) await book('post', (feed, turn) => readPost(feed, { postId, viewerId: undefined }, turn))
        return
      case 'repost': {
        if (!postId) return
        const { id, change } = origin.post(place, undefined, postId)
        person.reposted.push(id)
        return publish(change)
      }
      case 'unrepost': {
        const id = person.reposted.pop()
        return id === undefined ? undefined : publish(origin.remove(id))
      }
      case 'follow':
        return publish(origin.follow(place, drawSomeone(pick), true))
      case 'unfollow':
        return authorId === undefined ? undefined : publish(origin.follow(place, origin.placeOf(authorId), false))
    }
  }
  async function perform(action: Action): Promise<void> {
    await time.sleep(startMs + action.atMs - time.nowMs())
    if (action.type === 'post') {
      const { id, change } = origin.post(action.author, action.text, undefined)
      await publish(change)
      if (action.deletedAfterMs === undefined) return
      await time.sleep(action.deletedAfterMs)
      return publish(origin.remove(id))
    }
    const person = persons.get(action.reader) ?? { page: undefined, reposted: [] }
    persons.set(action.reader, person)
    for (const one of action.steps) {
      await time.sleep(one.pauseMs)
      if (time.nowMs() >= endMs) return
      await step(action.reader, person, one)
    }
  }

  const most = READERS_PER_PLAN / order.speed
  const plans = Math.ceil(order.readers / most)
  const minutes = (order.warmMs + order.measureMs) / 60_000
  for (let at = 0; at < plans; at++) {
    const plan = planOf(origin, { seed: order.seed + at, minutes, speed: order.speed, readers: Math.round(order.readers / plans) })
    for (const action of plan.actions()) void perform(action)
  }
  await time.runUntil(endMs)
  return costs
}
