import type { Cursor } from '../../contract/cursor.ts'
import { Problem } from '../../contract/problem.ts'
import type { EntryList, Timeline, ViewerState } from '../../contract/timeline.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { demand } from './demand.ts'
import type { Hydrate, Line } from './hydrate.ts'
import type { FeedKeys } from './keys.ts'
import { candidatesFrom, floorOf, mergeDown } from './merge.ts'
import type { OriginPort } from './origin-port.ts'
import { paginate } from './paginate.ts'
import { type FeedTurn, type Parts, readParts } from './parts.ts'
import { positionAfter } from './position.ts'

export interface FeedPage {
  readonly lines: readonly Line[]
  readonly next: Cursor | undefined
  /** Something above this page is no longer as it was when the scroll began. */
  readonly gap: boolean
  /** Why the page may lack something. */
  readonly degraded: readonly string[]
}

export interface FeedParts {
  readonly read: ReadThrough
  readonly keys: FeedKeys
  readonly hydrate: Hydrate
  readonly origin: OriginPort
}

interface Ask {
  readonly viewerId: string
  readonly cursor: Cursor | undefined
  readonly limit: number
}

/**
 * A page of the following feed (README, "A read, step by step"): skeleton from the viewer's timeline and the lists of the crowded
 * authors among the candidates, merged down to the depth all of them have, folded, hydrated, filtered, refilled.
 */
export async function readFeed(
  { read, keys, hydrate, origin }: FeedParts,
  { viewerId, cursor, limit }: Ask,
  turn: FeedTurn,
): Promise<FeedPage> {
  const degraded: string[] = []
  const viewerKey = keys.viewer(viewerId)
  const timelineKey = keys.timeline(viewerId)
  const crowdKey = keys.crowd()
  const ownKey = keys.author(viewerId, 'public')
  const first = await readParts(read, [viewerKey, timelineKey, crowdKey, ownKey], turn)

  const viewer = demand(() => first.need(viewerKey, 0)).value
  if (!viewer)
    throw new Problem('unauthorized', `There is no user ${viewerId}.`, { headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
  const timeline = await timelineOf(first, viewer)
  const crowd = crowdOf(first)

  const left = setOf(viewer.left)
  const pulled = timeline.candidates.filter((authorId) => crowd.has(authorId) && !left.has(authorId))
  const pulledKeys = pulled.map((authorId) => keys.author(authorId, 'public'))
  const lists = await readParts(read, pulledKeys, turn)
  const sources: EntryList[] = [timeline]
  for (const part of [first.get(ownKey, 3), ...pulledKeys.map((key, place) => lists.get(key, place))]) {
    if (part?.value) sources.push(part.value)
    else if (!part) degraded.push('incomplete')
  }

  const floor = floorOf(sources)
  const scroll = {
    anchor: cursor?.anchor,
    below: cursor?.last,
    fold: true,
    hidden: (entry: { actorId: string }) => left.has(entry.actorId),
  }
  const page = await paginate(
    {
      cached: candidatesFrom(mergeDown(sources), scroll),
      floor,
      older: (below, size) => origin.older({ viewerId, below, anchor: cursor?.anchor ?? newestOf(sources) ?? below, limit: size }),
      below: cursor?.last,
    },
    limit,
    hydrate,
    turn,
  )

  return { ...positionAfter(sources, cursor, page), lines: page.lines, degraded: [...new Set(degraded)] }

  /** The timeline, at least as new as the viewer's last follow; an older one only where no newer can be had. */
  async function timelineOf(found: Parts, { followVersion }: ViewerState): Promise<Timeline> {
    const known = found.get(timelineKey, 1)
    if (known?.value && known.truth >= followVersion) return known.value
    const leastTruth = (key: string) => Math.max(turn.leastTruth?.(key) ?? 0, key === timelineKey.text ? followVersion : 0)
    const renewed = (await read.many([timelineKey], { ...turn, leastTruth })).get(timelineKey)
    if (!renewed && known?.value) degraded.push('timeline-behind')
    const value = (renewed ?? demand(() => found.need(timelineKey, 1))).value
    if (!value) throw new Problem('origin-unavailable', 'The timeline cannot be had at present.')
    return value
  }

  /** Who is pulled at present. In grace, or without the list, the page says that it may lack somebody. */
  function crowdOf(found: Parts): ReadonlySet<string> {
    const known = found.get(crowdKey, 2)
    if (!known || known.freshness === 'grace' || known.freshness === 'dead') degraded.push('incomplete')
    return setOf(known?.value ?? NOBODY)
  }
}

const NOBODY: readonly string[] = []
const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

/** The ids of a list as a set, made once for each list that memory holds. */
function setOf(ids: readonly string[]): ReadonlySet<string> {
  const known = sets.get(ids)
  if (known) return known
  const made = new Set(ids)
  sets.set(ids, made)
  return made
}

const newestOf = (sources: readonly EntryList[]): string | undefined => {
  for (const entry of mergeDown(sources)) return entry.activityId
  return undefined
}
