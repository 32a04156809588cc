import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeIds,
  decodeList,
  encodeIds,
  encodeList,
  encodePushed,
  type PackedEntry,
  type PackedList,
} from '../../../../contract/l2/codec.ts'
import { anyEntries, anyEntry, anyId, anyList, anyText, newestFirst } from '../../../support/arbitrary.ts'
import { mulberry32 } from '../../../support/random.ts'

const CAP = 800
const BASE: PackedList = {
  completeSince: '1400000000000000000',
  candidates: ['1100000000000000007'],
  entries: [
    { activityId: '1500000000000000003', actorId: '1100000000000000001', audience: 'public' },
    {
      activityId: '1500000000000000002',
      actorId: '1100000000000000002',
      audience: 'public',
      root: { id: '1500000000000000009', authorId: '1100000000000000003' },
    },
  ],
}
const TAIL: PackedEntry[] = [
  { activityId: '1500000000000000005', actorId: '1100000000000000001', audience: 'public' },
  {
    activityId: '1500000000000000004',
    actorId: '1100000000000000002',
    audience: 'public',
    root: { id: '1400000000000000001', authorId: '1100000000000000004' },
  },
]

test('a list comes back as it was, whatever its reposts and however new their roots', () =>
  fc.assert(
    fc.property(anyList, (list) => {
      expect(decodeList(encodeList(list), CAP)).toEqual(list)
    }),
  ))

test('pushed entries are merged into the base: newest first, each once, whatever the order of their arrival', () =>
  fc.assert(
    fc.property(anyList, fc.array(anyEntry, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 10 }), (list, pushed, again) => {
      const known = new Set(list.entries.map((entry) => entry.activityId))
      const fresh = [...new Map(pushed.map((entry) => [entry.activityId, entry])).values()].filter((entry) => !known.has(entry.activityId))
      const all = newestFirst([...list.entries, ...fresh])
      const doubles = all.length > 0 ? again.flatMap((n) => all[n % all.length] ?? []) : []
      const text = encodeList(list) + [...fresh, ...doubles].map(encodePushed).join('')
      expect(decodeList(text, CAP)).toEqual({ ...list, entries: all })
    }),
  ))

test('a cut drops the oldest and raises completeSince to the newest it dropped', () =>
  fc.assert(
    fc.property(anyEntries(40), fc.integer({ min: 1, max: 45 }), (entries, cap) => {
      const list = decodeList(encodeList({ completeSince: '0', candidates: [], entries }), cap)
      expect(list?.entries).toEqual(entries.slice(0, cap))
      expect(list?.completeSince).toBe(entries[cap]?.activityId ?? '0')
    }),
  ))

test('what a push adds beyond the cap is cut from the old end', () => {
  const list = decodeList(encodeList(BASE) + TAIL.map(encodePushed).join(''), 3)
  expect(list?.entries.map((entry) => entry.activityId)).toEqual(['1500000000000000005', '1500000000000000004', '1500000000000000003'])
  expect(list?.completeSince).toBe('1500000000000000002')
})

test('entries at or below completeSince are ignored, pushed late or not', () =>
  fc.assert(
    fc.property(anyEntries(20), anyEntries(20), anyId, (base, pushed, completeSince) => {
      const list = decodeList(encodeList({ completeSince, candidates: [], entries: base }) + pushed.map(encodePushed).join(''), CAP)
      const ids = new Set([...base, ...pushed].map((entry) => entry.activityId).filter((id) => id > completeSince))
      expect(list?.entries.map((entry) => entry.activityId)).toEqual([...ids].sort().reverse())
      expect(list?.completeSince).toBe(completeSince)
    }),
  ))

test('completeSince itself is not in the list: a list holds what is newer', () => {
  const [newest, oldest] = BASE.entries
  expect(decodeList(encodeList({ ...BASE, completeSince: oldest?.activityId ?? '' }), CAP)?.entries).toEqual([newest])
})

describe('text that is damaged', () => {
  const base = encodeList(BASE)
  const tail = TAIL.map(encodePushed)

  test('cut short at any length of its base it is a miss', () => {
    for (let length = 0; length < base.length; length++) expect(decodeList(base.slice(0, length), CAP)).toBeUndefined()
  })

  test('cut short in its tail it is a miss, except between two pushes', () => {
    const whole = base + tail.join('')
    const seams = [base.length, base.length + (tail[0]?.length ?? 0)]
    for (let length = base.length; length < whole.length; length++) {
      const list = decodeList(whole.slice(0, length), CAP)
      if (seams.includes(length)) expect(list?.entries).toHaveLength(2 + seams.indexOf(length))
      else expect(list).toBeUndefined()
    }
  })

  test('cut short or changed anywhere, it never throws', () =>
    fc.assert(
      fc.property(
        anyList,
        fc.array(anyEntry, { maxLength: 3 }),
        fc.nat(),
        fc.nat(),
        fc.string({ maxLength: 3 }),
        (list, pushed, cutAt, changeAt, change) => {
          const whole = encodeList(list) + pushed.map(encodePushed).join('')
          const at = changeAt % whole.length
          decodeList(whole.slice(0, cutAt % whole.length), CAP)
          decodeList(whole.slice(0, at) + change + whole.slice(at + 1), CAP)
        },
      ),
    ))

  test('garbage never throws', () =>
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string(), fc.stringMatching(/^a[-0-9A-Z_a-z~]{0,60}$/)), (text) => {
        decodeList(text, CAP)
        decodeIds(text)
      }),
    ))

  test('another version is a miss', () => {
    expect(decodeList(`c${base.slice(1)}`, CAP)).toBeUndefined()
    expect(decodeIds(`b${encodeIds([]).slice(1)}`)).toBeUndefined()
  })

  test('a count that promises more than there is costs no memory', () => {
    const count = 'zzzzH' // 33 million in digits of the codec
    for (const text of [`a${'-'.repeat(11)}${count}~`, `a${'-'.repeat(12)}${count}~`, `a${'-'.repeat(13)}${count}~`]) {
      const before = process.memoryUsage().heapUsed
      expect(decodeList(text, CAP)).toBeUndefined()
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024)
    }
  })
})

test('the list of the crowd comes back as it was', () =>
  fc.assert(
    fc.property(fc.array(anyId), (ids) => {
      expect(decodeIds(encodeIds(ids))).toEqual(ids)
    }),
  ))

test.each([1, 2, 3])('800 entries of 300 actors with 15 % reposts take less than 12 KB (seed %i)', (seed) => {
  const random = mulberry32(seed)
  const below = (n: number) => Math.floor(random() * n)
  const actors = Array.from({ length: 300 }, () => idAt(1_700_000_000_000 - below(1e11), below(1_024)))
  const actor = () => actors[below(300)] ?? ''
  // Ten days of a busy reader; machine ids wander through all there are.
  const moments = Array.from({ length: 800 }, () => 1_763_700_000_000 - below(10 * 86_400_000))
  const entries = moments.map((atMs, i): PackedEntry => {
    const entry = { activityId: idAt(atMs, below(1_024)), actorId: actor(), audience: 'public' as const }
    return i < 120 ? { ...entry, root: { id: idAt(atMs - below(86_400_000), below(1_024)), authorId: actor() } } : entry
  })
  const text = encodeList({ completeSince: '0', candidates: actors.slice(0, 20), entries: newestFirst(entries) })
  expect(decodeList(text, CAP)?.entries).toHaveLength(800)
  expect(text.length).toBeLessThan(12 * 1024)
})

const idAt = (atMs: number, machine: number): string => String((BigInt(atMs - 1_288_834_974_657) << 22n) | BigInt(machine << 12))
