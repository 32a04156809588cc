import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { firstIdAt } from '../../contract/ids.ts'
import { encodeList, encodePushed, type ListFormat, type PackedEntry, type PackedList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { MAX_TAIL } from '../../contract/l2/scripts.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { readEdges } from '../../dev/edges.ts'
import { drawer } from '../../dev/simulate/chance.ts'
import { postingWeight } from '../../dev/simulate/model.ts'
import { graphFile } from '../../test/support/graph.ts'
import { mulberry32 } from '../../test/support/random.ts'
import type { Figures } from '../cache/scenario.ts'
import { quantile } from '../cache/statistics.ts'
import { bar, type Scenario } from './scenario.ts'
import { PREFIX } from './timelines.ts'

const DENSE = 'as a fill stores it'
const TAIL = `with a full tail of ${MAX_TAIL}`
const PLAIN = 'the format before, as a fill stores it'

const SEED = 7
const POSTS = 150_000
const DAYS = 5
const REPOSTS = 0.15
/** Reposts are of one of so many newest posts, whoever wrote them. */
const RECENT = 500
const MACHINES = 6
const YEARS = 7.5
const READERS = 500
/** Followers from which on timelines name an author as a candidate, in a graph of this size. */
const CANDIDATE = 600
const DAY_MS = 86_400_000

/** How long a timeline is in L2. */
export const size: Scenario = {
  name: 'size',
  title: 'A timeline of 800 entries as stored in L2',
  about: `${POSTS.toLocaleString('en-US')} activities of ${DAYS} days by the users of a follow graph, who post the more the more follow them; ${REPOSTS * 100} % reposts, ids of ${MACHINES} machines, users who came over ${YEARS} years. Timelines of up to ${READERS} readers who have 800 entries, with their candidates and the frame. What Redis allocates is larger: SET takes the next size class, and the first APPEND doubles it.`,
  columns: [
    { figure: 'p50', title: 'stored, p50', unit: ' B' },
    { figure: 'p90', title: 'p90', unit: ' B' },
    { figure: 'allocated', title: 'allocated by Redis, p90', unit: ' B' },
  ],
  bars: [
    bar(DENSE, 'p90', { atMost: 7_500 }, 'p90 at most 7.5 KB', ' B'),
    bar(TAIL, 'p90', { atMost: 10_000 }, 'with a full tail at most 10 KB', ' B'),
  ],
  mostRounds: 1,
  async open(world) {
    const folder = await mkdtemp(join(tmpdir(), 'tideline-size-'))
    const { name, path } = await graphFile(folder, SEED)
    const { lists, tails } = await timelinesOf(path)
    await rm(folder, { recursive: true })
    world.say(`size: ${lists.length} timelines of 800 entries, graph: ${name}`)
    return {
      async round() {
        const client = createClient({ url: world.store.redis.url }).on('error', () => {})
        await client.connect()
        try {
          const key = `${PREFIX}${keyOf.timeline('1500000000000000000')}`
          const measure = async (format: ListFormat, tail: boolean): Promise<Figures> => {
            const stored: number[] = []
            const allocated: number[] = []
            for (const [i, list] of lists.entries()) {
              await client.set(key, framed(encodeList(list, format)))
              if (tail) for (const entry of tails[i] ?? []) await client.append(key, encodePushed(entry))
              stored.push(await client.strLen(key))
              allocated.push((await client.memoryUsage(key)) ?? Number.NaN)
            }
            await client.del(key)
            return { p50: quantile(stored, 0.5), p90: quantile(stored, 0.9), allocated: quantile(allocated, 0.9) }
          }
          return { [DENSE]: await measure('dense', false), [TAIL]: await measure('dense', true), [PLAIN]: await measure('plain', false) }
        } finally {
          client.destroy()
        }
      },
    }
  },
}

const framed = (payload: string): string =>
  encodeValue({ softExpiresAtMs: 1, hardExpiresAtMs: 1, graceEndsAtMs: 1, deltaMs: 1, truth: 1, stamp: 1, tailLength: 0, payload })

/** Timelines as fills make them, and what is pushed into each next. */
async function timelinesOf(path: string): Promise<{ readonly lists: PackedList[]; readonly tails: PackedEntry[][] }> {
  const { followees, followers } = await graphOf(path)
  const random = mulberry32(SEED)
  const nowMs = Date.UTC(2025, 10, 21)
  const machine = () => BigInt(Math.floor(random() * MACHINES) * 7 + 2) << 12n
  const userIds = followers.map(() => String(firstIdAt(nowMs - Math.floor(DAY_MS * (1 + random() * YEARS * 365))) | machine()))
  const idOf = (place: number): string => userIds[place] ?? ''
  const draw = drawer(followers.map(postingWeight))
  const byAuthor = followers.map((): PackedEntry[] => [])
  const roots: { readonly id: string; readonly authorId: string }[] = []
  for (const ageMs of Float64Array.from({ length: POSTS }, () => 60_000 + DAYS * DAY_MS * random() ** 1.5)
    .sort()
    .reverse()) {
    const place = draw(random())
    const [activityId, actorId] = [String(firstIdAt(Math.floor(nowMs - ageMs)) | machine()), idOf(place)]
    const root = random() < REPOSTS ? roots[roots.length - 1 - Math.floor(random() * Math.min(RECENT, roots.length))] : undefined
    if (!root) roots.push({ id: activityId, authorId: actorId })
    byAuthor[place]?.push({ activityId, actorId, audience: 'public', ...(root ? { root } : {}) })
  }
  const lists: PackedList[] = []
  const tails: PackedEntry[][] = []
  for (const those of followees) {
    const entries = [...those].flatMap((place) => byAuthor[place] ?? []).sort((a, b) => (a.activityId < b.activityId ? 1 : -1))
    if (entries.length < TIMELINE_CAP + MAX_TAIL || random() < 0.5) continue
    const [pushed, filled] = [entries.slice(0, MAX_TAIL), entries.slice(MAX_TAIL)]
    const candidates = [...those].filter((place) => (followers[place] ?? 0) > CANDIDATE).map(idOf)
    lists.push({ completeSince: filled[TIMELINE_CAP]?.activityId ?? '0', candidates, entries: filled.slice(0, TIMELINE_CAP) })
    tails.push(pushed.reverse())
    if (lists.length === READERS) break
  }
  return { lists, tails }
}

/** Whom each user follows, and by how many each is followed. */
async function graphOf(path: string): Promise<{ readonly followees: Set<number>[]; readonly followers: number[] }> {
  const places = new Map<string, number>()
  const followees: Set<number>[] = []
  const followers: number[] = []
  const placeOf = (handle: string): number => {
    const known = places.get(handle)
    if (known !== undefined) return known
    places.set(handle, followers.length)
    followees.push(new Set())
    return followers.push(0) - 1
  }
  for await (const edges of readEdges(createReadStream(path), path)) {
    for (const [from, to] of edges) {
      const [follower, followee] = [placeOf(from), placeOf(to)]
      if (follower === followee || followees[follower]?.has(followee)) continue
      followees[follower]?.add(followee)
      followers[followee] = (followers[followee] ?? 0) + 1
    }
  }
  return { followees, followers }
}
