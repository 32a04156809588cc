import type { Marks } from '../../contract/timeline.ts'
import type { Line } from './hydrate.ts'
import { isAbove } from './merge.ts'
import { type Onlooker, setOf } from './onlooker.ts'
import type { OriginPort } from './origin-port.ts'
import { overlaid } from './overlay.ts'
import type { Part } from './parts.ts'

const NOTHING: Marks = { completeSince: '0', liked: [], reposted: [] }

/**
 * Lays over the lines of a page what the onlooker did to them. `marks` is the answer of `my:`; what lies below it is asked of the origin, once for
 * the page. Where that cannot be had, the page goes without, and says `mine-unknown`.
 */
export async function withMine(
  lines: readonly Line[],
  onlooker: Onlooker,
  marks: Part<Marks> | undefined,
  origin: Pick<OriginPort, 'marks'>,
): Promise<readonly Line[]> {
  const known = marks ? (marks.value ?? NOTHING) : undefined
  const isOld = ({ rootId }: Line) => known !== undefined && !isAbove(rootId, known.completeSince)
  const askedIds = [...new Set(lines.filter(isOld).map(({ rootId }) => rootId))]
  const { viewerId, degraded, state } = onlooker
  const old = askedIds.length > 0 ? await origin.marks({ viewerId, postIds: askedIds }).catch(() => undefined) : { liked: [], reposted: [] }
  if (!known || !old) degraded.add('mine-unknown')

  const has = (ids: readonly string[] | undefined, oldIds: readonly string[] | undefined, line: Line): boolean =>
    isOld(line) ? oldIds?.includes(line.rootId) === true : ids !== undefined && setOf(ids).has(line.rootId)
  const muted = setOf(state.muted)
  return lines.map((line) => {
    const mine = [
      has(known?.liked, old?.liked, line) ? '"liked":true' : undefined,
      has(known?.reposted, old?.reposted, line) ? '"reposted":true' : undefined,
      muted.has(line.authorId) ? '"muted":true' : undefined,
    ].filter((member) => member !== undefined)
    return overlaid(line, mine.length > 0 ? `"mine":{${mine.join(',')}}` : undefined)
  })
}
