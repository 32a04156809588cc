import type { Audience, Entry } from '../../contract/entry.ts'
import { encodeIds, encodeList, encodeMarks, type PackedMarks } from '../../contract/l2/codec.ts'
import { encodeCounts } from '../../contract/l2/counts-value.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { encodeRelation, type Relation } from '../../contract/l2/relation-value.ts'
import { encodeUserValue, type Visibility } from '../../contract/l2/user-value.ts'
import { type Post, postSchema } from '../../contract/post.ts'
import { MAX_PULLED, type ViewerState } from '../../contract/timeline.ts'
import { createCore, DEFAULTS } from '../../worker/cache/core.ts'
import { createMemoryTier } from '../../worker/cache/memory-tier.ts'
import type { Load } from '../../worker/cache/ports.ts'
import { parseConfig } from '../../worker/config.ts'
import { createHydrate, type Line } from '../../worker/feed/hydrate.ts'
import { createFeedKeys } from '../../worker/feed/keys.ts'
import { bodyOf } from '../../worker/feed/page-body.ts'
import type { FeedTurn } from '../../worker/feed/parts.ts'
import { readAuthor } from '../../worker/feed/read-author.ts'
import { type FeedPage, type FeedParts, readFeed } from '../../worker/feed/read-feed.ts'
import { readPost } from '../../worker/feed/read-post.ts'
import type { sightOf } from '../../worker/feed/visibility.ts'
import { createMemorySharedTier } from './memory-shared-tier.ts'
import { mulberry32 } from './random.ts'
import { createVirtualClock } from './virtual-clock.ts'

const LOAD_MS = 20
const config = parseConfig({
  ORIGIN_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_TOKEN: 'token',
  JWT_SECRET: 'sixteen characters',
  EDGE_SECRET: 'sixteen characters',
  SIGNING_SECRET: 'sixteen characters',
})
const decoder = new TextDecoder()

/** Ids that sort by `n`. */
export const idOf = (n: number): string => String(1_500_000_000_000_000_000n + BigInt(n))

export type FeedWorld = ReturnType<typeof createFeedWorld>
export type FeedIsolate = ReturnType<FeedWorld['isolate']>

/** What a reader was shown. */
export interface Seen {
  readonly posts: readonly Post[]
  readonly ids: readonly string[]
  readonly degraded: readonly string[]
  readonly lines: readonly Line[]
}

/** The read side of the worker on virtual time: isolates around one L2 in memory, and an origin whose rows are what the test says. */
export function createFeedWorld() {
  const clock = createVirtualClock()
  const tier = createMemorySharedTier(clock)
  const random = mulberry32(7)
  const rows = new Map<string, { readonly truth: number; readonly payload: string | null }>()
  const keys = createFeedKeys(config.LIFETIMES)
  let tokens = 0
  const origin = {
    down: false,
    loads: [] as (readonly string[])[],
    /** What the viewer did to posts that `my:` does not name. */
    oldMarks: { liked: [] as string[], reposted: [] as string[] },
    marksAsked: [] as (readonly string[])[],
    /** What it knows of a feed, newest first. */
    older: [] as Entry[],
  }

  const set = (key: string, payload: string | null): number => {
    const truth = (rows.get(key)?.truth ?? 0) + 1
    rows.set(key, { truth, payload })
    return truth
  }
  /** Changes a row, and drops what L2 has of it, as the origin does before it acknowledges. */
  async function change(key: string, payload: string | null): Promise<void> {
    await clock.until(tier.invalidate([{ key, truth: set(key, payload) }]))
  }
  const load: Load = async (asked) => {
    origin.loads.push(asked)
    const found = asked.map((key) => ({ key, truth: 0, payload: null, ...rows.get(key) }))
    await clock.sleep(LOAD_MS)
    if (origin.down) throw new Error('the origin is down')
    return found
  }

  return {
    clock,
    tier,
    origin,
    change,
    /** An account; its profile is made of its id. */
    user: (id: string, visibility: Visibility = 'open') => set(keyOf.user(id), accountOf(id, visibility)),
    account: (id: string, visibility: Visibility) => change(keyOf.user(id), accountOf(id, visibility)),
    /** A post, and the entry that names it. */
    post(n: number, authorId: string, audience: Audience = 'public'): Entry {
      const id = idOf(n)
      const json = JSON.stringify({ id, text: `post ${n}`, created_at: '2026-11-21T10:00:00.000Z', audience })
      const body = encodePostValue({ kind: 'post', authorId, json })
      set(keyOf.post(id, 'followers'), body)
      set(keyOf.post(id, 'public'), audience === 'public' ? body : encodePostValue({ kind: 'not-public', authorId }))
      return { activityId: id, actorId: authorId, audience }
    },
    repost(n: number, actorId: string, root: Entry, audience: Audience = 'public'): Entry {
      const id = idOf(n)
      const pointer = encodePostValue({ kind: 'repost', authorId: actorId, rootId: root.activityId, rootAuthorId: root.actorId })
      set(keyOf.post(id, 'followers'), pointer)
      set(keyOf.post(id, 'public'), audience === 'public' ? pointer : encodePostValue({ kind: 'not-public', authorId: actorId }))
      return { activityId: id, actorId, audience, root: { id: root.activityId, authorId: root.actorId } }
    },
    deletePost: async (entry: Entry) => {
      for (const audience of ['public', 'followers'] as const) await change(keyOf.post(entry.activityId, audience), 'x')
    },
    counts: (entry: Entry, likes: number, reposts: number) => set(keyOf.counts(entry.activityId), encodeCounts({ likes, reposts })),
    relation: (viewerId: string, authorId: string, as: Relation['as'], muted = false) =>
      change(keyOf.relation(viewerId, authorId), encodeRelation({ as, muted })),
    /** One of the two accounts is gone. */
    noRelation: (viewerId: string, authorId: string) => change(keyOf.relation(viewerId, authorId), null),
    viewer: (id: string, state: Partial<ViewerState> = {}) =>
      change(keyOf.viewer(id), JSON.stringify({ followVersion: 0, left: [], ...state })),
    marks: (id: string, marks: Partial<PackedMarks>) =>
      change(keyOf.marks(id), encodeMarks({ completeSince: '0', liked: [], reposted: [], ...marks })),
    timeline: (viewerId: string, entries: readonly Entry[], candidates: readonly string[] = []) =>
      change(keyOf.timeline(viewerId), listOf(entries, candidates)),
    /** The merge of the crowded authors whom a viewer follows. Nothing drops it from L2. */
    merged: (viewerId: string, entries: readonly Entry[]) => set(keyOf.merged(viewerId), listOf(entries)),
    crowd: (ids: readonly string[] = []) => change(keyOf.crowd(), encodeIds(ids)),
    /** An author's lists; the public one says whether there is more. */
    async lists(authorId: string, entries: readonly Entry[]): Promise<void> {
      const closed = entries.filter(({ audience }) => audience === 'followers')
      const open = entries.filter(({ audience }) => audience === 'public')
      await change(keyOf.author(authorId, 'public'), listOf(open, closed.length > 0 ? [authorId] : []))
      await change(keyOf.author(authorId, 'followers'), listOf(closed))
    },

    isolate(options: { readonly decide?: typeof sightOf; readonly maxPulled?: number } = {}) {
      const { read } = createCore(
        {
          memory: createMemoryTier(16 * 1024 * 1024),
          shared: tier,
          load,
          clock,
          random,
          newToken: () => String(++tokens).padStart(22, 't'),
        },
        { ...DEFAULTS, beta: 0 },
      )
      const behind: Promise<unknown>[] = []
      const turn: FeedTurn = {
        reader: { waitUntil: (work) => void behind.push(work) },
        leastTruth: undefined,
        observe() {},
        dice: 0,
      }
      const nothing = async () => ({ entries: [] })
      const feed: FeedParts = {
        read,
        keys,
        hydrate: createHydrate(read, keys, options.decide),
        maxPulled: options.maxPulled ?? MAX_PULLED,
        origin: {
          older: async ({ below, limit }) => ({ entries: origin.older.filter(({ activityId }) => activityId < below).slice(0, limit) }),
          olderOfAuthor: nothing,
          async marks({ postIds }) {
            origin.marksAsked.push(postIds)
            await clock.sleep(LOAD_MS)
            if (origin.down) throw new Error('the origin is down')
            return origin.oldMarks
          },
        },
      }
      const seen = ({ lines, degraded }: Pick<FeedPage, 'lines' | 'degraded'>): Seen => {
        const posts = lines.map((line) => postSchema.parse(JSON.parse(decoder.decode(bodyOf(line)))))
        return { posts, ids: posts.map(({ activity_id }) => activity_id), degraded, lines }
      }
      return {
        /** Each answers what the reader is shown, or rejects with the problem. */
        feed: async (viewerId: string) =>
          seen(await clock.until(readFeed(feed, { viewerId, from: { kind: 'scroll', cursor: undefined }, limit: 50 }, turn))),
        author: async (authorId: string, viewerId: string | undefined) =>
          seen(await clock.until(readAuthor(feed, { authorId, viewerId, cursor: undefined, limit: 50 }, turn))),
        post: async (entry: Pick<Entry, 'activityId'>, viewerId: string | undefined) => {
          const { line, degraded } = await clock.until(readPost(feed, { postId: entry.activityId, viewerId }, turn))
          return seen({ lines: [line], degraded })
        },
        /** Lets everything end that runs behind answers. */
        settled: () => clock.until(Promise.all(behind)),
      }
    },
  }
}

const accountOf = (id: string, visibility: Visibility): string =>
  encodeUserValue({ visibility, json: JSON.stringify({ id, handle: `user-${id}`, name: `User ${id}` }) })

const listOf = (entries: readonly Entry[], candidates: readonly string[] = []): string =>
  encodeList({ completeSince: '0', candidates, entries: [...entries].sort((a, b) => (a.activityId < b.activityId ? 1 : -1)) })
