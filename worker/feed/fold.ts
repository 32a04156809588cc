import { type Entry, rootIdOf } from '../../contract/entry.ts'
import { MAX_REPOSTERS } from '../../contract/post.ts'
import { floorOf, isAbove, mergeDown, type Source } from './merge.ts'

/** A line that may be shown, and the other lines of the scroll that show the same root. */
export interface Candidate {
  readonly entry: Entry
  /** Newer ones, at or below the anchor: one that stands hides this line. */
  readonly newer: readonly Entry[]
  /** Of a repost, the older reposts by others, newest first: where this line is shown, those that stand are counted with it. */
  readonly older: readonly Entry[]
}

/** What of a feed is read. Ids are exclusive bounds, except for the anchor. */
export interface Scroll {
  /** The newest activity folding looks up to; undefined on page one. */
  readonly anchor: string | undefined
  /** Only lines below this one are candidates; undefined at the top. */
  readonly below: string | undefined
  /** Only lines above this one are candidates; undefined for the whole history. */
  readonly above?: string | undefined
  /** Fold reposts: each root once per scroll (docs/architecture.md, Folding and cursors). */
  readonly fold: boolean
  /** Is this line filtered before it is hydrated? Such a line folds no other away. */
  readonly hidden: (entry: Entry) => boolean
}

/** The way down through merged sources. */
export interface Walk {
  /** The next candidate; undefined where the sources have no more. */
  next(): Candidate | undefined
  /** Has `next` come to the floor, or to where the stretch ends? */
  readonly ended: boolean
  /** Is there nothing to ask for beyond the sources when the walk has ended? */
  readonly exhausted: boolean
  /** The floor of the sources (`floorOf`). */
  readonly floor: string
  /** A line of the origin, from below what was walked; undefined where it is filtered. */
  join(entry: Entry, older: readonly Entry[]): Candidate | undefined
}

const NONE: readonly Entry[] = []

/**
 * Walks merged sources from the anchor down. A line is shown iff no newer visible line at or below the anchor shows its root: that depends
 * on viewer and anchor alone, never on where pages were cut.
 */
export function createWalk(sources: readonly Source[], { anchor, below, above, fold, hidden }: Scroll): Walk {
  const floor = floorOf(sources)
  const lines = mergeDown(sources)
  const byRoot = new Map<string, Entry | readonly Entry[]>() // mostly one: no list for it
  let ended = false

  function newerOf(entry: Entry): readonly Entry[] {
    const known = fold ? byRoot.get(rootIdOf(entry)) : undefined
    return known === undefined ? NONE : 'activityId' in known ? [known] : known
  }
  return {
    floor,
    get ended() {
      return ended
    },
    exhausted: floor === '0' || (above !== undefined && !isAbove(floor, above)),
    next() {
      while (!ended) {
        const { value: entry } = lines.next()
        if (!entry || (above !== undefined && entry.activityId <= above)) break
        if ((anchor !== undefined && entry.activityId > anchor) || hidden(entry)) continue
        const newer = newerOf(entry)
        if (fold) byRoot.set(rootIdOf(entry), newer === NONE ? entry : [...newer, entry])
        if (below !== undefined && entry.activityId >= below) continue
        return { entry, newer, older: fold && entry.root ? olderReposts(sources, floor, entry, hidden) : NONE }
      }
      ended = true
      return undefined
    },
    join(entry, older) {
      if (hidden(entry)) return undefined
      return { entry, newer: newerOf(entry), older: older.length === 0 ? NONE : older.filter((repost) => !hidden(repost)) }
    },
  }
}

/** The reposts of the same root below one, by others: above the floor all of them are known. */
function olderReposts(
  sources: readonly Source[],
  floor: string,
  { activityId, actorId, root }: Entry,
  hidden: Scroll['hidden'],
): readonly Entry[] {
  const found: Entry[] = []
  for (const { items } of sources) {
    const reposts = repostsIn(items).get(root?.id ?? '')
    if (reposts)
      found.push(
        ...newestOfEach(
          reposts,
          actorId,
          (repost) => repost.activityId < activityId && isAbove(repost.activityId, floor) && !hidden(repost),
        ),
      )
  }
  if (found.length === 0) return NONE
  found.sort((a, b) => (a.activityId < b.activityId ? 1 : -1))
  return newestOfEach(found, actorId, () => true)
}

/** Who took a repost back and made another counts once: only the newest can stand. `reposts` are newest first. */
function newestOfEach(reposts: readonly Entry[], except: string, counts: (repost: Entry) => boolean): readonly Entry[] {
  const found: Entry[] = []
  const actors = new Set([except])
  for (const repost of reposts) {
    if (actors.size === MAX_REPOSTERS) break
    if (counts(repost) && actors.size < actors.add(repost.actorId).size) found.push(repost)
  }
  return found
}

const indexes = new WeakMap<readonly Entry[], ReadonlyMap<string, readonly Entry[]>>()

/** The reposts of a list by root, newest first: made when a page first shows a repost, once for each list that memory holds. */
function repostsIn(items: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const known = indexes.get(items)
  if (known) return known
  const made = new Map<string, Entry[]>()
  for (const entry of items) {
    if (!entry.root) continue
    const others = made.get(entry.root.id)
    if (others) others.push(entry)
    else made.set(entry.root.id, [entry])
  }
  indexes.set(items, made)
  return made
}
