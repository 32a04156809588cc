/**
 * Payloads of L2 values as text (a REST body is JSON, raw bytes do not survive). A list of entries is a compact base
 * and, after `~`, a tail of pushed entries that Redis appends without understanding the base:
 *
 *   base     'a'|'b' completeSince(11) #candidates candidate(11)… #actors actor(11)… #entries entry…
 *   entry    msGap turned mark [rootMsGap rootTurned rootAuthor index]
 *   mark     in 'a' actor index · 2 + isRepost;  in 'b', where some are not public, actor index · 4 + isForFollowers · 2 + isRepost
 *   pushed   'p' activity(11) actor(11)  |  'r' activity(11) actor(11) root(11) rootAuthor(11);  'P' and 'R' for followers
 *
 * An id of 11 characters is its 64 bits in six-bit digits whose order is the order of the ids. Other numbers are written
 * five bits to a digit, lowest first, the sixth bit saying that more follow. `turned` are the low 22 bits of an id with the machine below the
 * sequence, which is mostly 0: two digits instead of five, a fifth of a whole timeline.
 */
const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'
const VALUE_OF = new Uint8Array(128).fill(255)
for (let i = 0; i < DIGITS.length; i++) VALUE_OF[DIGITS.charCodeAt(i)] = i

/** Versions of the base: a list of public entries is written as it always was. A reader that meets another one reports a miss. */
const BASE_VERSION = 'a'
const WITH_AUDIENCES = 'b'
const ID_WIDTH = 11
const LOW_BITS = 22n
const LOW_MASK = 4_194_303n
const MACHINES = 1_024
const SEQUENCES = 4_096

/** An entry as the codec packs it; `contract/entry.ts` is the same shape. */
export interface PackedEntry {
  readonly activityId: string
  readonly actorId: string
  readonly audience: 'public' | 'followers'
  readonly root?: { readonly id: string; readonly authorId: string } | undefined
}

export interface PackedList {
  readonly completeSince: string
  readonly candidates: readonly string[]
  readonly entries: readonly PackedEntry[]
}

/** `contract/timeline.ts` has the same shape as Marks. */
export interface PackedMarks {
  readonly completeSince: string
  readonly liked: readonly string[]
  readonly reposted: readonly string[]
}

const digit = (value: number): string => DIGITS[value] ?? ''

function packId(id: string): string {
  let rest = BigInt(id)
  let text = ''
  for (let i = 0; i < ID_WIDTH; i++) {
    text = digit(Number(rest & 63n)) + text
    rest >>= 6n
  }
  return text
}

function packNumber(value: number): string {
  let text = ''
  let rest = value
  while (rest > 31) {
    text += digit((rest % 32) + 32)
    rest = Math.floor(rest / 32)
  }
  return text + digit(rest)
}

/** For the one difference that may be negative: a root minted by a faster clock than its repost. */
const packSigned = (value: number): string => packNumber(value < 0 ? -value * 2 - 1 : value * 2)

class Reader {
  at = 0
  private readonly text: string
  constructor(text: string) {
    this.text = text
  }
  get done(): boolean {
    return this.at >= this.text.length
  }
  private value(): number {
    const value = VALUE_OF[this.text.charCodeAt(this.at++)]
    if (value === undefined || value === 255) throw new RangeError('not a digit')
    return value
  }
  char(): string {
    return this.text[this.at++] ?? ''
  }
  id(): string {
    let high = 0
    for (let i = 0; i < 5; i++) high = high * 64 + this.value()
    let low = 0
    for (let i = 0; i < 6; i++) low = low * 64 + this.value()
    return ((BigInt(high) << 36n) | BigInt(low)).toString()
  }
  signed(): number {
    const value = this.number()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  number(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const next = this.value()
      value += (next & 31) * factor
      if (next < 32) return value
      factor *= 32
    }
  }
  /** How many things follow, each of one digit at least: a damaged count must not reserve memory for what is not there. */
  count(): number {
    const count = this.number()
    if (count > this.text.length - this.at) throw new RangeError('the text is shorter than it says')
    return count
  }
}

const millisOf = (id: string): number => Number(BigInt(id) >> LOW_BITS)
function turnedOf(id: string): number {
  const low = Number(BigInt(id) & LOW_MASK)
  return (low % SEQUENCES) * MACHINES + Math.floor(low / SEQUENCES)
}
const idFrom = (millis: number, turned: number): string =>
  ((BigInt(millis) << LOW_BITS) | BigInt((turned % MACHINES) * SEQUENCES + Math.floor(turned / MACHINES))).toString()

/** Packs a list. Entries must be sorted, newest first; their order is kept. */
export function encodeList(list: PackedList): string {
  const indexOf = new Map<string, number>()
  const index = (id: string): number => {
    const known = indexOf.get(id)
    if (known !== undefined) return known
    indexOf.set(id, indexOf.size)
    return indexOf.size - 1
  }
  let previous = 0
  let packed = ''
  const isPublic = list.entries.every(({ audience }) => audience === 'public')
  const mark = ({ actorId, audience, root }: PackedEntry): number =>
    (isPublic ? index(actorId) : index(actorId) * 2 + (audience === 'public' ? 0 : 1)) * 2 + (root ? 1 : 0)
  for (const [i, entry] of list.entries.entries()) {
    const millis = millisOf(entry.activityId)
    packed += packNumber(i === 0 ? millis : previous - millis) + packNumber(turnedOf(entry.activityId))
    packed += packNumber(mark(entry))
    if (entry.root) {
      packed += packSigned(millis - millisOf(entry.root.id)) + packNumber(turnedOf(entry.root.id)) + packNumber(index(entry.root.authorId))
    }
    previous = millis
  }
  return (
    (isPublic ? BASE_VERSION : WITH_AUDIENCES) +
    packId(list.completeSince) +
    packNumber(list.candidates.length) +
    list.candidates.map(packId).join('') +
    packNumber(indexOf.size) +
    [...indexOf.keys()].map(packId).join('') +
    packNumber(list.entries.length) +
    packed +
    '~'
  )
}

/** One entry as a push appends it. */
export function encodePushed(entry: PackedEntry): string {
  const ids = packId(entry.activityId) + packId(entry.actorId)
  const kind = entry.root ? 'r' : 'p'
  const rest = entry.root ? packId(entry.root.id) + packId(entry.root.authorId) : ''
  return (entry.audience === 'public' ? kind : kind.toUpperCase()) + ids + rest
}

const times = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, read)

/**
 * Unpacks base and tail into one list: newest first, without doubles, nothing at or below `completeSince`, at most
 * `cap` entries (a cut raises `completeSince`). Returns undefined for a format this code does not know.
 */
export function decodeList(text: string, cap: number): PackedList | undefined {
  try {
    const read = new Reader(text)
    const version = read.char()
    if (version !== BASE_VERSION && version !== WITH_AUDIENCES) return undefined
    const audiences = version === BASE_VERSION ? 1 : 2
    const completeSince = read.id()
    const candidates = times(read.count(), () => read.id())
    const users = times(read.count(), () => read.id())
    const user = (index: number): string => {
      const id = users[index]
      if (id === undefined) throw new RangeError('no such user')
      return id
    }
    let millis = 0
    const base = times(read.count(), (): PackedEntry => {
      const gap = read.number()
      millis = millis === 0 ? gap : millis - gap
      const activityId = idFrom(millis, read.number())
      const mark = read.number()
      const actorId = user(Math.floor(mark / (2 * audiences)))
      const audience = Math.floor(mark / 2) % audiences === 0 ? 'public' : 'followers'
      if (mark % 2 === 0) return { activityId, actorId, audience }
      const rootId = idFrom(millis - read.signed(), read.number())
      return { activityId, actorId, audience, root: { id: rootId, authorId: user(read.number()) } }
    })
    if (read.char() !== '~') return undefined
    const tail: PackedEntry[] = []
    while (!read.done) {
      const letter = read.char()
      const kind = letter.toLowerCase()
      if (kind !== 'p' && kind !== 'r') return undefined
      const audience = letter === kind ? ('public' as const) : ('followers' as const)
      const entry = { activityId: read.id(), actorId: read.id(), audience }
      tail.push(kind === 'p' ? entry : { ...entry, root: { id: read.id(), authorId: read.id() } })
    }
    return cut({ completeSince, candidates, entries: tail.length > 0 ? joined(base, tail) : base }, cap)
  } catch {
    return undefined // truncated or foreign text: a miss, not an error
  }
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
    const ids = () => times(read.count(), () => read.id())
    const marks = { completeSince, liked: ids(), reposted: ids() }
    return read.done ? marks : undefined
  } catch {
    return undefined
  }
}
