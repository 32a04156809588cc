import { decodeList, encodeList, type ListFormat } from '../../contract/l2/codec.ts'
import { parseKey } from '../../contract/l2/keys.ts'
import type { Loaded } from './load.ts'

/**
 * What was loaded, with its lists as every reader that still serves can read them. Loads write the newest format, so nothing is to be done once all
 * readers know it.
 */
export function inFormat(loaded: readonly Loaded[], format: ListFormat): readonly Loaded[] {
  return format === 'dense' ? loaded : loaded.map(plainly)
}

function plainly(loaded: Loaded): Loaded {
  const { key, payload } = loaded
  if (payload === null || !LISTS.has(parseKey(key)?.kind)) return loaded
  const list = decodeList(payload, Number.POSITIVE_INFINITY)
  return list ? { ...loaded, payload: encodeList(list, 'plain') } : loaded
}
const LISTS: ReadonlySet<string | undefined> = new Set(['timeline', 'author', 'popular', 'merged'])
