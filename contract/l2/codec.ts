import { decodeDense, encodeDense } from './dense-list.ts'
import { packId, packNumber, Reader } from './digits.ts'
import type { PackedEntry, PackedList, PackedMarks } from './packed.ts'
import { decodePlain, encodePlain } from './plain-list.ts'

export type { PackedEntry, PackedList, PackedMarks } from './packed.ts'

/**
 * Payloads of L2 values as text (a REST body is JSON, raw bytes do not survive). A list of entries is a compact base
 * and, after `~`, a tail of pushed entries that Redis appends without understanding the base:
 *
 *   base     its version, then as `dense-list.ts` ('c') or `plain-list.ts` ('a', 'b') has it
 *   pushed   'p' activity(11) actor(11)  |  'r' activity(11) actor(11) root(11) rootAuthor(11);  'P' and 'R' for followers
 */
const BASE_VERSION = 'a'
const WITH_AUDIENCES = 'b'
const DENSE = 'c'

/** How bases are written. Every reader of this code knows all of them; 'plain' is for while readers still serve that know no other. */
export type ListFormat = 'plain' | 'dense'

/** Packs a list. Entries must be sorted, newest first; their order is kept. */
export function encodeList(list: PackedList, format: ListFormat = 'dense'): string {
  if (format === 'dense') return `${DENSE}${encodeDense(list)}~`
  const audiences = list.entries.some(({ audience }) => audience !== 'public')
  return `${audiences ? WITH_AUDIENCES : BASE_VERSION}${encodePlain(list, audiences)}~`
}

/** One entry as a push appends it. */
export function encodePushed(entry: PackedEntry): string {
  const ids = packId(entry.activityId) + packId(entry.actorId)
  const kind = entry.root ? 'r' : 'p'
  const rest = entry.root ? packId(entry.root.id) + packId(entry.root.authorId) : ''
  return (entry.audience === 'public' ? kind : kind.toUpperCase()) + ids + rest
}

/**
 * Unpacks base and tail into one list: newest first, without doubles, nothing at or below `completeSince`, at most
 * `cap` entries (a cut raises `completeSince`). Returns undefined for a format this code does not know.
 */
export function decodeList(text: string, cap: number): PackedList | undefined {
  try {
    const end = text.indexOf('~')
    const base = end < 0 ? undefined : decodeBase(text[0], text.slice(1, end))
    const tail = base && decodeTail(text.slice(end + 1))
    return base && tail && cut(tail.length > 0 ? { ...base, entries: joined(base.entries, tail) } : base, cap)
  } catch {
    return undefined // truncated or foreign text: a miss, not an error
  }
}

function decodeBase(version: string | undefined, text: string): PackedList | undefined {
  switch (version) {
    case DENSE:
      return decodeDense(text)
    case WITH_AUDIENCES:
    case BASE_VERSION:
      return decodePlain(text, version === WITH_AUDIENCES)
    default:
      return undefined
  }
}

function decodeTail(text: string): PackedEntry[] | undefined {
  const read = new Reader(text)
  const tail: PackedEntry[] = []
  while (!read.done) {
    const letter = read.char()
    const kind = letter.toLowerCase()
    if (kind !== 'p' && kind !== 'r') return undefined
    const audience = letter === kind ? ('public' as const) : ('followers' as const)
    const entry = { activityId: read.id(), actorId: read.id(), audience }
    tail.push(kind === 'p' ? entry : { ...entry, root: { id: read.id(), authorId: read.id() } })
  }
  return tail
}

function joined(base: readonly PackedEntry[], tail: readonly PackedEntry[]): PackedEntry[] {
  const byId = new Map<string, PackedEntry>()
  for (const entry of base) byId.set(entry.activityId, entry)
  for (const entry of tail) byId.set(entry.activityId, entry)
  return [...byId.values()].sort((a, b) => (a.activityId < b.activityId ? 1 : -1))
}

/** Drops what lies at or below `completeSince`, then cuts from the old end, which raises `completeSince`. */
function cut(list: PackedList, cap: number): PackedList {
  const since = list.completeSince.padStart(19, '0')
  const entries = list.entries.filter((entry) => entry.activityId > since)
  const firstCut = entries[cap]
  return firstCut ? { ...list, completeSince: firstCut.activityId, entries: entries.slice(0, cap) } : { ...list, entries }
}

/** Packs the world's list of crowded authors. */
export const encodeIds = (ids: readonly string[]): string => BASE_VERSION + ids.map(packId).join('')

export function decodeIds(text: string): string[] | undefined {
  try {
    const read = new Reader(text)
    if (read.char() !== BASE_VERSION) return undefined
    const ids: string[] = []
    while (!read.done) ids.push(read.id())
    return ids
  } catch {
    return undefined
  }
}

/** Packs what a viewer did to posts: liked ones, then reposted ones, each after its count. */
export const encodeMarks = ({ completeSince, liked, reposted }: PackedMarks): string =>
  BASE_VERSION + packId(completeSince) + [liked, reposted].map((ids) => packNumber(ids.length) + ids.map(packId).join('')).join('')

export function decodeMarks(text: string): PackedMarks | undefined {
  try {
    const read = new Reader(text)
    if (read.char() !== BASE_VERSION) return undefined
    const completeSince = read.id()
    const ids = () => Array.from({ length: read.count() }, () => read.id())
    const marks = { completeSince, liked: ids(), reposted: ids() }
    return read.done ? marks : undefined
  } catch {
    return undefined
  }
}
