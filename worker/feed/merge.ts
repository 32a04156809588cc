import type { Entry } from '../../contract/entry.ts'
import type { EntryList } from '../../contract/timeline.ts'

/**
 * One source of a feed: a timeline, an author's list, the popular posts. `items` are newest first and unique by activity id; they are
 * *everything* the source has above `completeUntil` (exclusive). An exhausted source has nothing below: its end is the end of its history.
 */
export interface Source {
  readonly items: readonly Entry[]
  readonly completeUntil: string
  readonly exhausted: boolean
}

/** A list as the caches hold it: '0' means the whole history. */
export const sourceOf = ({ entries, completeSince }: EntryList): Source => ({
  items: entries,
  completeUntil: completeSince,
  exhausted: completeSince === '0',
})

/** Is the first id, or '0', above the second? Both are decimal without leading zeros. */
export const isAbove = (id: string, other: string): boolean => (id.length === other.length ? id > other : id.length > other.length)

/**
 * The highest `completeUntil` of all sources that are not exhausted, '0' where all are: nothing at or below it may be shown from them, for
 * one of them lacks something there.
 */
export function floorOf(sources: readonly Source[]): string {
  let floor = '0'
  for (const { completeUntil, exhausted } of sources) if (!exhausted && isAbove(completeUntil, floor)) floor = completeUntil
  return floor
}

/**
 * Merges sources of different depth, newest first, each activity once, down to `floorOf`. Ties do not exist: an id is whole.
 * Lazy, because a page looks at sixty lines of ten thousand; the heads are compared one by one, which up to some sixty sources
 * costs less than a heap.
 */
export function* mergeDown(sources: readonly Source[]): Generator<Entry, void> {
  const floor = floorOf(sources)
  const lists = sources.map(({ items }) => items).filter((items) => items.length > 0)
  const places = new Array<number>(lists.length).fill(0)
  let previous = ''
  for (;;) {
    let best: Entry | undefined
    let from = -1
    for (let i = 0; i < lists.length; i++) {
      const head = lists[i]?.[places[i] ?? 0]
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

/**
 * FNV-1a over the ids of the lines from `anchor` down to where it is asked, both inclusive: when it changes, something arrived late or is
 * gone. Asked again, it goes on: each id must be below the one before.
 */
export function checksumFrom(lines: Iterator<Entry, void>, anchor: string): (last: string) => number {
  let sum = 0x811c9dc5
  let next = lines.next()
  while (!next.done && next.value.activityId > anchor) next = lines.next()
  return (last) => {
    for (; !next.done && next.value.activityId >= last; next = lines.next()) {
      const { activityId } = next.value
      for (let i = 0; i < activityId.length; i++) sum = Math.imul(sum ^ activityId.charCodeAt(i), 0x01000193)
    }
    return sum >>> 0
  }
}
