import type { Cursor } from '../../contract/cursor.ts'
import type { EntryList } from '../../contract/timeline.ts'
import { checksumOf, floorOf, isAbove, mergeDown } from './merge.ts'
import type { Lines } from './paginate.ts'

/**
 * Where the scroll goes on, and whether something changed above this page since it began: then the ids between the cursor and its anchor
 * are others than they were. Below the floor of the caches nothing is compared; a cursor says so with a sum of 0.
 */
export function positionAfter(
  sources: readonly EntryList[],
  cursor: Cursor | undefined,
  page: Lines,
): { readonly next: Cursor | undefined; readonly gap: boolean } {
  const floor = floorOf(sources)
  const sumOf = (anchor: string, last: string) => (isAbove(last, floor) ? checksumOf(mergeDown(sources), anchor, last) : 0)
  const gap = cursor !== undefined && cursor.sum !== 0 && isAbove(cursor.last, floor) && cursor.sum !== sumOf(cursor.anchor, cursor.last)
  const last = page.continuesBelow
  const anchor = cursor?.anchor ?? page.lines[0]?.activityId ?? last
  return { next: last === undefined || anchor === undefined ? undefined : { last, anchor, sum: sumOf(anchor, last) }, gap }
}
