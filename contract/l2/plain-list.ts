import { packId, packNumber, packSigned, Reader } from './digits.ts'
import type { PackedEntry, PackedList } from './packed.ts'

/**
 * Versions 'a' and 'b' of a list's base: how it was written before 'c', and still is where the origin's LIST_FORMAT says so. In 'a' every entry is public.
 *
 *   base     completeSince(11) #candidates candidate(11)… #actors actor(11)… #entries entry…
 *   entry    msGap turned mark [rootMsGap rootTurned rootAuthor index]
 *   mark     in 'a' actor index · 2 + isRepost;  in 'b' actor index · 4 + isForFollowers · 2 + isRepost
 *
 * `turned` are the low 22 bits of an id with the machine below the sequence, which is mostly 0: two digits instead of five.
 */
const LOW_BITS = 22n
const LOW_MASK = 4_194_303n
const MACHINES = 1_024
const SEQUENCES = 4_096

const millisOf = (id: string): number => Number(BigInt(id) >> LOW_BITS)
function turnedOf(id: string): number {
  const low = Number(BigInt(id) & LOW_MASK)
  return (low % SEQUENCES) * MACHINES + Math.floor(low / SEQUENCES)
}
const idFrom = (millis: number, turned: number): string =>
  ((BigInt(millis) << LOW_BITS) | BigInt((turned % MACHINES) * SEQUENCES + Math.floor(turned / MACHINES))).toString()

/** With `audiences` as 'b', else as 'a'. */
export function encodePlain(list: PackedList, audiences: boolean): string {
  const indexOf = new Map<string, number>()
  const index = (id: string): number => {
    const known = indexOf.get(id)
    if (known !== undefined) return known
    indexOf.set(id, indexOf.size)
    return indexOf.size - 1
  }
  let previous = 0
  let packed = ''
  const mark = ({ actorId, audience, root }: PackedEntry): number =>
    (audiences ? index(actorId) * 2 + (audience === 'public' ? 0 : 1) : index(actorId)) * 2 + (root ? 1 : 0)
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
    packId(list.completeSince) +
    packNumber(list.candidates.length) +
    list.candidates.map(packId).join('') +
    packNumber(indexOf.size) +
    [...indexOf.keys()].map(packId).join('') +
    packNumber(list.entries.length) +
    packed
  )
}

const times = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, read)

/** Throws for what is no such base. */
export function decodePlain(text: string, audiences: boolean): PackedList {
  const read = new Reader(text)
  const marks = audiences ? 2 : 1
  const completeSince = read.id()
  const candidates = times(read.count(), () => read.id())
  const users = times(read.count(), () => read.id())
  const user = (index: number): string => {
    const id = users[index]
    if (id === undefined) throw new RangeError('no such user')
    return id
  }
  let millis = 0
  const entries = times(read.count(), (): PackedEntry => {
    const gap = read.number()
    millis = millis === 0 ? gap : millis - gap
    const activityId = idFrom(millis, read.number())
    const mark = read.number()
    const actorId = user(Math.floor(mark / (2 * marks)))
    const audience = Math.floor(mark / 2) % marks === 0 ? 'public' : 'followers'
    if (mark % 2 === 0) return { activityId, actorId, audience }
    const rootId = idFrom(millis - read.signed(), read.number())
    return { activityId, actorId, audience, root: { id: rootId, authorId: user(read.number()) } }
  })
  if (!read.done) throw new RangeError('more than it says')
  return { completeSince, candidates, entries }
}
