import type { Entry } from '../../contract/entry.ts'
import { rootIdOf } from '../../contract/entry.ts'
import type { EntryList } from '../../contract/timeline.ts'

/** Is the first id, or '0', above the second? Both are decimal without leading zeros. */
export const isAbove = (id: string, other: string): boolean => (id.length === other.length ? id > other : id.length > other.length)

/** The highest `completeSince` of all sources: nothing at or below it may be shown from them, for one of them lacks something there. */
export function floorOf(lists: readonly EntryList[]): string {
  let floor = '0'
  for (const { completeSince } of lists) if (isAbove(completeSince, floor)) floor = completeSince
  return floor
}

/**
 * Merges sources of different depth, newest first, each activity once, down to `floorOf`. Ties do not exist: an id is whole.
 * Lazy, because a page looks at sixty lines of ten thousand.
 */
export function* mergeDown(lists: readonly EntryList[]): Generator<Entry, void> {
  const floor = floorOf(lists)
  const sources = lists.map(({ entries }) => entries).filter((entries) => entries.length > 0)
  const places = new Array<number>(sources.length).fill(0)
  let previous = ''
  for (;;) {
    let best: Entry | undefined
    let from = -1
    for (let i = 0; i < sources.length; i++) {
      const head = sources[i]?.[places[i] ?? 0]
      if (head && (!best || head.activityId > best.activityId)) {
        best = head
        from = i
      }
    }
    if (!best || !isAbove(best.activityId, floor)) return
    places[from] = (places[from] ?? 0) + 1
    if (best.activityId === previous) continue
    previous = best.activityId
    yield best
  }
}

/** A line that may be shown, and the newer lines of the scroll that show the same root and would hide it. */
export interface Candidate {
  readonly entry: Entry
  readonly newer: readonly Entry[]
  /** Of a repost: the older reposts of its root in the same scroll, newest first. */
  readonly older: readonly Entry[]
}

export interface Scroll {
  /** The newest activity folding looks up to; undefined on page one. */
  readonly anchor: string | undefined
  /** Only lines below this one are candidates; undefined on page one. */
  readonly below: string | undefined
  /** Fold reposts: each root once per scroll (docs/architecture.md, Folding and cursors). */
  readonly fold: boolean
  /** Is this line filtered before it is hydrated? */
  readonly hidden: (entry: Entry) => boolean
}

const NONE: readonly Entry[] = []

/** Walks merged lines from the anchor down and yields those below the cursor, each with the newer lines that show its root. */
export function* candidatesFrom(lines: Iterable<Entry>, { anchor, below, fold, hidden }: Scroll): Generator<Candidate, void> {
  const byRoot = new Map<string, Entry | readonly Entry[]>() // mostly one: no list for it
  for (const entry of lines) {
    if (anchor !== undefined && entry.activityId > anchor) continue
    if (hidden(entry)) continue
    const known = fold ? byRoot.get(rootIdOf(entry)) : undefined
    const newer = known === undefined ? NONE : 'activityId' in known ? [known] : known
    if (below === undefined || entry.activityId < below) yield { entry, newer, older: NONE }
    if (fold) byRoot.set(rootIdOf(entry), known === undefined ? entry : [...newer, entry])
  }
}

/** FNV-1a over the ids of the lines between a cursor and its anchor: when it changes, something arrived late. */
export function checksumOf(lines: Iterable<Entry>, anchor: string, last: string): number {
  let sum = 0x811c9dc5
  for (const { activityId } of lines) {
    if (activityId > anchor) continue
    if (activityId < last) break
    for (let i = 0; i < activityId.length; i++) sum = Math.imul(sum ^ activityId.charCodeAt(i), 0x01000193)
  }
  return sum >>> 0
}
