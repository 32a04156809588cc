import { firstIdAt } from '../../contract/ids.ts'
import { encodeIds, encodeList, type PackedEntry } from '../../contract/l2/codec.ts'
import { keyOf, parseKey } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { AUTHOR_LIST_CAP, TIMELINE_CAP } from '../../contract/timeline.ts'
import { readEdges } from '../../dev/edges.ts'
import { pastPosts } from '../../dev/simulate/past.ts'

/** What is behind a key. */
export interface Loaded {
  readonly key: string
  readonly truth: number
  readonly payload: string | null
}

/** A post or a repost of the model. */
interface Activity {
  readonly entry: PackedEntry
  readonly text: string | undefined
  gone: boolean
}

/** A change, as the fan-out tells it to L2. */
export interface Change {
  readonly push: { readonly entry: PackedEntry; readonly keys: readonly string[] } | undefined
  readonly invalidate: readonly { readonly key: string; readonly truth: number }[]
}

/** The origin as far as a read needs it, in memory: who follows whom, who posted what. People are places 0, 1, … */
export interface OriginModel {
  readonly people: readonly { readonly followers: number; readonly followees: number }[]
  readonly posts: number
  readonly crowded: number
  idOf(place: number): string
  placeOf(id: string): number
  authorOf(postId: string): string | undefined
  load(keys: readonly string[]): Loaded[]
  /** The truth version of a post or a profile now. */
  truthOf(key: string): number
  post(author: number, text: string | undefined, rootId: string | undefined): { readonly id: string; readonly change: Change }
  remove(postId: string): Change
  follow(follower: number, followee: number, follows: boolean): Change
}

const FIRST_USER = 1_000_000_000_000_000_000n
const NOTHING: Change = { push: undefined, invalidate: [] }

interface Options {
  readonly nowMs: () => number
  readonly seed: number
  readonly posts: number
  /** Followers above which an author is pulled; above a quarter of it, a candidate. */
  readonly crowdThreshold: number
}

/** Reads a follow graph and gives it the past of posts that an imported graph gets. */
export async function createOriginModel(edges: AsyncIterable<Uint8Array>, name: string, options: Options): Promise<OriginModel> {
  const places = new Map<string, number>()
  const followees: Set<number>[] = []
  const followers: Set<number>[] = []
  const placeOfHandle = (handle: string): number => {
    const known = places.get(handle)
    if (known !== undefined) return known
    const place = places.size
    places.set(handle, place)
    followees.push(new Set())
    followers.push(new Set())
    return place
  }
  for await (const batch of readEdges(edges, name)) {
    for (const [from, to] of batch) {
      const [follower, followee] = [placeOfHandle(from), placeOfHandle(to)]
      if (follower === followee) continue
      followees[follower]?.add(followee)
      followers[followee]?.add(follower)
    }
  }
  const idOf = (place: number): string => String(FIRST_USER + BigInt(place))
  const placeOf = (id: string): number => Number(BigInt(id) - FIRST_USER)
  const people = followers.map((those, place) => ({ followers: those.size, followees: followees[place]?.size ?? 0 }))
  const crowd = new Set(people.flatMap((person, place) => (person.followers > options.crowdThreshold ? [place] : [])))
  const candidates = new Set(people.flatMap((person, place) => (person.followers > options.crowdThreshold / 4 ? [place] : [])))

  /** Oldest first. */
  const byAuthor: Activity[][] = people.map(() => [])
  const byId = new Map<string, Activity>()
  const followVersions = new Map<number, number>()
  const left = new Map<number, Set<number>>()
  let minted = 0

  function add(author: number, id: string, text: string | undefined, root: PackedEntry['root']): Activity {
    const entry: PackedEntry = { activityId: id, actorId: idOf(author), audience: 'public', ...(root ? { root } : {}) }
    const activity: Activity = { entry, text, gone: false }
    byAuthor[author]?.push(activity)
    byId.set(id, activity)
    return activity
  }
  const authors = people.map(({ followers: count }, place) => ({ id: idOf(place), followers: count }))
  for (const post of pastPosts({ seed: options.seed, nowMs: options.nowMs(), posts: options.posts, authors })) {
    const root = post.root && { id: String(post.root.id), authorId: String(post.root.authorId) }
    add(placeOf(String(post.authorId)), String(post.id), post.text ?? undefined, root ?? undefined)
  }

  function listOf(sources: Iterable<number>, cap: number, listed: readonly string[]): string {
    const entries: PackedEntry[] = []
    for (const author of sources) for (const { entry, gone } of byAuthor[author] ?? []) if (!gone) entries.push(entry)
    entries.sort((a, b) => (a.activityId < b.activityId ? 1 : -1))
    const completeSince = entries[cap]?.activityId ?? '0'
    return encodeList({ completeSince, candidates: listed, entries: entries.slice(0, cap) })
  }
  function timelineOf(viewer: number): string {
    const all = [...(followees[viewer] ?? [])]
    const listed = all.filter((place) => candidates.has(place)).map(idOf)
    return listOf(
      all.filter((place) => !crowd.has(place)),
      TIMELINE_CAP,
      listed,
    )
  }
  function loadOne(key: string): Loaded {
    const parsed = parseKey(key)
    if (!parsed) return { key, truth: 0, payload: null }
    if (parsed.kind === 'popular') return { key, truth: 1, payload: listOf([], 0, []) }
    if (parsed.kind === 'crowd') return { key, truth: 1, payload: encodeIds([...crowd].map(idOf)) }
    if (parsed.kind === 'post') return { key, truth: truthOf(key), payload: postOf(parsed.id) }
    const place = placeOf(parsed.id)
    const followVersion = followVersions.get(place) ?? 1
    switch (parsed.kind) {
      case 'user':
        return { key, truth: 1, payload: JSON.stringify({ id: parsed.id, handle: `handle.${place}`, name: `Somebody Named ${place}` }) }
      case 'viewer':
        return { key, truth: followVersion, payload: JSON.stringify({ followVersion, left: [...(left.get(place) ?? [])].map(idOf) }) }
      case 'author':
        return { key, truth: (byAuthor[place]?.length ?? 0) + 1, payload: listOf([place], AUTHOR_LIST_CAP, []) }
      case 'timeline':
        return { key, truth: followVersion, payload: timelineOf(place) }
      default: // this recording has no likes, and nothing that is not public
        return { key, truth: 0, payload: null }
    }
  }
  function postOf(id: string): string | null {
    const activity = byId.get(id)
    if (!activity) return null
    if (activity.gone) return encodePostValue({ kind: 'gone' })
    const { actorId, root } = activity.entry
    if (root) return encodePostValue({ kind: 'repost', authorId: actorId, rootId: root.id, rootAuthorId: root.authorId })
    const json = JSON.stringify({ id, text: activity.text, created_at: '2026-11-21T12:00:00.000Z' })
    return encodePostValue({ kind: 'post', authorId: actorId, json })
  }
  const truthOf = (key: string): number => (key.startsWith('po:') && byId.get(key.slice(3, 22))?.gone ? 2 : 1)

  return {
    people,
    posts: byId.size,
    crowded: crowd.size,
    idOf,
    placeOf,
    authorOf: (postId) => byId.get(postId)?.entry.actorId,
    load: (keys) => keys.map(loadOne),
    truthOf,
    post(author, text, rootId) {
      const rootOf = rootId === undefined ? undefined : byId.get(rootId)
      const root = rootOf && { id: rootOf.entry.activityId, authorId: rootOf.entry.actorId }
      const id = String(firstIdAt(Math.floor(options.nowMs())) | BigInt(minted++ % 4_096))
      const { entry } = add(author, id, root ? undefined : text, root)
      const timelines = crowd.has(author) ? [] : [...(followers[author] ?? [])].map((place) => keyOf.timeline(idOf(place)))
      return { id, change: { push: { entry, keys: [keyOf.author(idOf(author), 'public'), ...timelines] }, invalidate: [] } }
    },
    remove(postId) {
      const activity = byId.get(postId)
      if (!activity || activity.gone) return NOTHING
      activity.gone = true
      const { actorId } = activity.entry
      const list = { key: keyOf.author(actorId, 'public'), truth: (byAuthor[placeOf(actorId)]?.length ?? 0) + 2 }
      return { push: undefined, invalidate: [{ key: keyOf.post(postId, 'public'), truth: 2 }, list] }
    },
    follow(follower, followee, follows) {
      const those = followees[follower]
      if (!those || those.has(followee) === follows) return NOTHING
      const gone = left.get(follower) ?? new Set()
      left.set(follower, gone)
      if (follows) those.add(followee)
      else those.delete(followee)
      if (follows) followers[followee]?.add(follower)
      else followers[followee]?.delete(follower)
      if (follows) gone.delete(followee)
      else gone.add(followee)
      const truth = (followVersions.get(follower) ?? 1) + 1
      followVersions.set(follower, truth)
      const id = idOf(follower)
      return { push: undefined, invalidate: [keyOf.viewer(id), keyOf.timeline(id)].map((key) => ({ key, truth })) }
    },
  }
}
