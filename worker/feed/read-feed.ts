import type { Cursor, Gap } from '../../contract/cursor.ts'
import type { Entry } from '../../contract/entry.ts'
import { rootAuthorOf } from '../../contract/entry.ts'
import { Problem } from '../../contract/problem.ts'
import { type EntryList, hasMoreForFollowers, type Timeline, type ViewerState } from '../../contract/timeline.ts'
import type { Key } from '../cache/entry.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { demand } from './demand.ts'
import { createWalk } from './fold.ts'
import type { Hydrate, Line } from './hydrate.ts'
import type { FeedKeys } from './keys.ts'
import { isAbove, mergeDown, type Source, sourceOf } from './merge.ts'
import { withMine } from './mine.ts'
import { createOnlooker, setOf } from './onlooker.ts'
import type { Older, OriginPort } from './origin-port.ts'
import { paginate } from './paginate.ts'
import { type FeedTurn, type Part, type Parts, readParts } from './parts.ts'
import { boundsOf, type From, positionAfter } from './position.ts'

export interface FeedPage {
  readonly lines: readonly Line[]
  readonly next: Cursor | undefined
  /** What a reader has seen of the top with a first page: what came since is asked for with it. */
  readonly top: Cursor | undefined
  /** What belongs above this page, or between it and what was seen before, and was not shown. */
  readonly gap: Gap | undefined
  readonly source: 'following' | 'popular' | 'author'
  /** Why the page may lack something. */
  readonly degraded: readonly string[]
}

export interface FeedParts {
  readonly read: ReadThrough
  readonly keys: FeedKeys
  readonly hydrate: Hydrate
  readonly origin: OriginPort
  /** The lists of so many crowded authors are pulled one by one (MAX_PULLED). */
  readonly maxPulled: number
}

interface Ask {
  readonly viewerId: string
  readonly from: From
  readonly limit: number
}

/**
 * A page of the following feed (README, "A read, step by step"): skeleton from the viewer's timeline and the lists of the crowded
 * authors among the candidates, merged down to the depth all of them have, folded, hydrated, filtered, refilled. A reader who follows
 * nobody gets what is popular, and what they posted.
 */
export async function readFeed(
  { read, keys, hydrate, origin, maxPulled }: FeedParts,
  { viewerId, from, limit }: Ask,
  turn: FeedTurn,
): Promise<FeedPage> {
  const degraded = new Set<string>()
  const viewerKey = keys.viewer(viewerId)
  const timelineKey = keys.timeline(viewerId)
  const crowdKey = keys.crowd()
  const ownKey = keys.author(viewerId, 'public')
  const marksKey = keys.marks(viewerId)
  const first = await readParts(read, [viewerKey, timelineKey, crowdKey, ownKey, marksKey], turn)

  const viewer = demand(() => first.need(viewerKey, 0)).value
  if (!viewer)
    throw new Problem('unauthorized', `There is no user ${viewerId}.`, { headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
  const hidden = filterOf(viewer)
  const own = first.get(ownKey, 3)
  const ownMore = own?.value && hasMoreForFollowers(own.value) ? [keys.author(viewerId, 'followers')] : []
  const marks = first.get(marksKey, 4)
  const popularLines = viewer.followsNobody ? await popular() : undefined
  const sources = [...sourcesOf([own]), ...(popularLines?.sources ?? (await followed(viewer)))]

  const { anchor, below, above } = boundsOf(from)
  const walk = createWalk(sources, { anchor, below, above, fold: true, hidden })
  const older = async (under: string, size: number): Promise<Older> => {
    const found = await origin.older({ viewerId, below: under, above, anchor: anchor ?? newestOf(sources) ?? under, limit: size })
    return popularLines ? amongPopular(found, under, size, popularLines.items) : found
  }
  const onlooker = createOnlooker({ viewerId, state: viewer, where: 'feed' })
  const page = await paginate({ walk, older, originKnowsAll: !viewer.followsNobody, below }, limit, hydrate, { ...turn, onlooker })
  const lines = await withMine(page.lines, onlooker, marks, origin)
  if (page.isShort) degraded.add('incomplete')
  return {
    ...positionAfter(viewer.followsNobody ? NOTHING : sources, from, page), // what is popular changes all the time: that makes no gap
    lines,
    source: viewer.followsNobody ? 'popular' : 'following',
    degraded: [...degraded, ...onlooker.degraded],
  }

  /** The timeline, and the lists of the crowded authors among its candidates: of very many the merge that the origin makes, while it can be had. */
  async function followed(state: ViewerState): Promise<readonly Source[]> {
    const timeline = await timelineOf(first, state)
    const crowd = crowdOf(first)
    const pulled = timeline.candidates.filter((authorId) => crowd.has(authorId) && !hides(state, authorId))
    const merged = pulled.length > maxPulled ? await mergedFor(state) : undefined
    const asked = [...(merged ? [] : pulled.map((authorId) => keys.author(authorId, 'public'))), ...ownMore]
    const found = await readParts(read, asked, turn)
    const lists = asked.map((key, place) => found.get(key, place))
    if (merged) return [sourceOf(timeline), sourceOf(merged), ...sourcesOf(lists)]
    const closed = pulled.filter((_, place) => {
      const list = lists[place]?.value
      return list && hasMoreForFollowers(list)
    })
    return [sourceOf(timeline), ...sourcesOf(lists), ...(closed.length > 0 ? await forFollowers(closed) : [])]
  }

  /** What crowded authors posted for their followers only, of those whom the viewer provably follows. */
  async function forFollowers(authorIds: readonly string[]): Promise<readonly Source[]> {
    const proofs = authorIds.map((authorId) => keys.relation(viewerId, authorId))
    const asked = authorIds.map((authorId) => keys.author(authorId, 'followers'))
    const found = await readParts(read, [...proofs, ...asked], turn)
    const lists: (Part<Timeline> | undefined)[] = []
    for (const [place, proof] of proofs.entries()) {
      const relation = found.get(proof, place)
      if (!relation) degraded.add('unproven')
      const key = asked[place]
      if (key && relation?.value?.as === 'follower') lists.push(found.get(key, proofs.length + place))
    }
    return sourcesOf(lists)
  }

  /** What is popular, and what the viewer posted for followers. */
  async function popular(): Promise<{ readonly items: readonly Entry[]; readonly sources: readonly Source[] }> {
    const popularKey = keys.popular()
    const asked: readonly Key<unknown>[] = [popularKey, ...ownMore]
    const found = await readParts(read, asked, turn)
    const list = found.get(popularKey, 0)?.value
    if (!list) degraded.add('incomplete')
    const items = list?.entries ?? []
    const more = sourcesOf(ownMore.map((key) => found.get(key, 1)))
    return { items, sources: [{ items, completeUntil: '0', exhausted: true }, ...more] }
  }

  /** The viewer's own lines from below the floor of the caches, and the popular ones between them: those the viewer reposted come by that. */
  function amongPopular({ entries, reached }: Older, under: string, size: number, items: readonly Entry[]): Older {
    const lowest = reached ?? (entries.length < size ? (above ?? '0') : entries.at(-1)?.activityId) ?? '0'
    const known = new Set([...entries.map(({ activityId }) => activityId), ...(marks?.value?.reposted ?? NOBODY)])
    const between = items.filter(({ activityId }) => activityId < under && isAbove(activityId, lowest) && !known.has(activityId))
    return { entries: [...entries, ...between].sort((a, b) => (a.activityId < b.activityId ? 1 : -1)), reached }
  }

  /** The lists that could be had. Without one of them the page says that it may lack somebody. */
  function sourcesOf(lists: readonly (Part<Timeline> | undefined)[]): readonly Source[] {
    return lists.flatMap((list) => {
      if (!list) degraded.add('incomplete')
      return list?.value ? [sourceOf(list.value)] : []
    })
  }

  /** All that the crowded authors whom the viewer follows posted of late, for followers too: `rel:` is asked line by line. Undefined where it is too old. */
  async function mergedFor({ followVersion }: ViewerState): Promise<EntryList | undefined> {
    const key = keys.merged(viewerId)
    const found = (await read.many([key], { ...turn, leastTruth: atLeast(key, followVersion) })).get(key)
    return found && found.truth >= followVersion && found.freshness !== 'grace' && found.freshness !== 'dead'
      ? (found.value ?? undefined)
      : undefined
  }

  /** What the turn asks of truth, and of this key that it knows the viewer's follows. */
  function atLeast({ text }: Key<unknown>, followVersion: number): (key: string) => number {
    return (key) => Math.max(turn.leastTruth?.(key) ?? 0, key === text ? followVersion : 0)
  }

  /** The timeline, at least as new as the viewer's last follow; an older one only where no newer can be had. */
  async function timelineOf(found: Parts, { followVersion }: ViewerState): Promise<Timeline> {
    const known = found.get(timelineKey, 1)
    if (known?.value && known.truth >= followVersion) return known.value
    const renewed = (await read.many([timelineKey], { ...turn, leastTruth: atLeast(timelineKey, followVersion) })).get(timelineKey)
    if (!renewed && known?.value) degraded.add('timeline-behind')
    const value = (renewed ?? demand(() => found.need(timelineKey, 1))).value
    if (!value) throw new Problem('origin-unavailable', 'The timeline cannot be had at present.')
    return value
  }

  /** Who is pulled at present. In grace, or without the list, the page says that it may lack somebody. */
  function crowdOf(found: Parts): ReadonlySet<string> {
    const known = found.get(crowdKey, 2)
    if (!known || known.freshness === 'grace' || known.freshness === 'dead') degraded.add('incomplete')
    return setOf(known?.value ?? NOBODY)
  }
}

const NOBODY: readonly string[] = []
const NOTHING: readonly Source[] = []
/** Does nothing that this author posted or reposted belong into the viewer's feed? */
const hides = ({ left, muted, blocked }: ViewerState, authorId: string): boolean =>
  setOf(left).has(authorId) || setOf(muted).has(authorId) || setOf(blocked).has(authorId)

/** Which lines the viewer's state filters before they are hydrated: by those who left, and of those who are muted or blocked. */
function filterOf({ left, muted, blocked }: ViewerState): (entry: Entry) => boolean {
  const gone = [left, muted, blocked].filter((ids) => ids.length > 0).map(setOf)
  const unwanted = [muted, blocked].filter((ids) => ids.length > 0).map(setOf)
  if (gone.length === 0) return () => false
  return (entry) =>
    gone.some((ids) => ids.has(entry.actorId)) || (entry.root !== undefined && unwanted.some((ids) => ids.has(rootAuthorOf(entry))))
}

const newestOf = (sources: readonly Source[]): string | undefined => {
  for (const entry of mergeDown(sources)) return entry.activityId
  return undefined
}
