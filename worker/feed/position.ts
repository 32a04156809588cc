import type { Cursor, Gap } from '../../contract/cursor.ts'
import { checksumFrom, floorOf, isAbove, mergeDown, type Source } from './merge.ts'
import type { Lines } from './paginate.ts'

/** What a page is asked for: a scroll from its top or its cursor on, what came since a look at the top, or what a gap holds. */
export type From =
  | { readonly kind: 'scroll'; readonly cursor: Cursor | undefined }
  | { readonly kind: 'since'; readonly top: Cursor }
  | { readonly kind: 'gap'; readonly gap: Gap }

/** Where to go on from a page. */
export interface Position {
  /** Where the scroll goes on; undefined where the history ends, and where this is no page of a scroll. */
  readonly next: Cursor | undefined
  /** What of the top the reader has seen with this page; undefined further down, and on an empty page. */
  readonly top: Cursor | undefined
  /** What belongs above this page, or between it and what was seen before, and was not shown. */
  readonly gap: Gap | undefined
}

/** The bounds of each kind of page (ids, exclusive but for the anchor): undefined where there is none. */
export function boundsOf(from: From): { readonly [Bound in 'anchor' | 'below' | 'above']: string | undefined } {
  switch (from.kind) {
    case 'scroll':
      return { anchor: from.cursor?.anchor, below: from.cursor?.last, above: undefined }
    case 'since':
      return { anchor: undefined, below: undefined, above: from.top.anchor }
    case 'gap':
      return from.gap
  }
}

/** How many lines below the anchor are watched where it need not be all: the floor rises while somebody reads below it. */
const MAX_WATCHED = 400
/** Below every id that is minted, with room for one below it: where a history ends on its first page, all of it is watched. */
const FIRST_ID = '1000000000000000001'

/**
 * Where to go on from a page, and what it lacks. Something changed above a cursor when the ids between it and its anchor are others than
 * they were; what the caches no longer hold is not compared.
 */
export function positionAfter(sources: readonly Source[], from: From, { lines, continuesBelow }: Lines): Position {
  const floor = floorOf(sources)
  switch (from.kind) {
    case 'scroll': {
      const { cursor } = from
      const anchor = cursor?.anchor ?? lines[0]?.activityId ?? continuesBelow
      if (anchor === undefined) return { next: undefined, top: undefined, gap: undefined }
      const sumDownTo = checksums(anchor)
      const gap = cursor && hasChanged(cursor, sumDownTo) ? gapIn(cursor) : undefined
      const next = continuesBelow === undefined ? undefined : watched(anchor, continuesBelow, sumDownTo)
      if (cursor || lines.length === 0) return { next, top: undefined, gap }
      return { next, top: next ?? watched(anchor, FIRST_ID, sumDownTo), gap }
    }
    case 'since': {
      const { top } = from
      const anchor = lines[0]?.activityId ?? top.anchor
      const isLate = hasChanged(top, checksums(top.anchor))
      const below = continuesBelow ?? after(top.anchor)
      return {
        next: undefined,
        top: watched(anchor, lastWatched(anchor, untilOf(top)), checksums(anchor)),
        // Where nothing shows of what was looked at, the gap lies above the anchor.
        gap:
          continuesBelow !== undefined || isLate
            ? { below, above: isLate ? before(untilOf(top)) : top.anchor, anchor: isAbove(below, anchor) ? below : anchor }
            : undefined,
      }
    }
    case 'gap':
      return { next: undefined, top: undefined, gap: continuesBelow === undefined ? undefined : { ...from.gap, below: continuesBelow } }
  }

  /** Sums from the anchor down, each going on from the one before where that was higher up, as it mostly is. */
  function checksums(anchor: string): (last: string) => number {
    let lowest = anchor
    let downTo: ((last: string) => number) | undefined
    return (last) => {
      if (!downTo || isAbove(last, lowest)) downTo = checksumFrom(mergeDown(sources), anchor)
      lowest = last
      return downTo(last)
    }
  }

  /** A cursor that knows the lines from the anchor down to `last`, or near to the floor. */
  function watched(anchor: string, last: string, sumDownTo: (last: string) => number): Cursor {
    const until = isAbove(last, floor) ? last : lastWatched(anchor, after(floor))
    if (isAbove(until, anchor)) return { last, anchor, sum: 0 }
    return { last, anchor, sum: sumDownTo(until), ...(until === last ? {} : { until }) }
  }

  function hasChanged(cursor: Cursor, sumDownTo: (last: string) => number): boolean {
    const until = untilOf(cursor)
    return cursor.sum !== 0 && isAbove(until, floor) && cursor.sum !== sumDownTo(until)
  }

  function lastWatched(anchor: string, last: string): string {
    let count = 0
    for (const { activityId } of mergeDown(sources)) {
      if (activityId <= last) break
      if (activityId <= anchor && ++count === MAX_WATCHED) return activityId
    }
    return last
  }
}

const untilOf = ({ last, until }: Cursor): string => until ?? last
/** All that a cursor watches; the reader has most of it. */
const gapIn = (cursor: Cursor): Gap => ({ below: after(cursor.anchor), above: before(untilOf(cursor)), anchor: cursor.anchor })
const after = (id: string): string => String(BigInt(id) + 1n)
const before = (id: string): string => String(BigInt(id) - 1n)
