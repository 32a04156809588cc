import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BitWriter } from '../../../../contract/l2/bits.ts'
import {
  decodeIds,
  decodeList,
  encodeIds,
  encodeList,
  encodePushed,
  type ListFormat,
  type PackedEntry,
  type PackedList,
} from '../../../../contract/l2/codec.ts'
import { MAX_TAIL } from '../../../../contract/l2/scripts.ts'
import { anyEntries, anyEntry, anyId, anyList, anyText, anyTimeline, newestFirst } from '../../../support/arbitrary.ts'
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

const FORMATS = ['dense', 'plain'] as const
const anyFormat = fc.constantFrom(...FORMATS)

test.each(FORMATS)('a list comes back as it was, whatever its reposts and however new their roots (%s)', (format) =>
  fc.assert(
    fc.property(anyList, (list) => {
      expect(decodeList(encodeList(list, format), CAP)).toEqual(list)
    }),
  ),
)

test.each(FORMATS)('a list of what a few machines minted comes back as it was (%s)', (format) =>
  fc.assert(
    fc.property(anyTimeline, (list) => {
      expect(decodeList(encodeList(list, format), CAP)).toEqual(list)
    }),
  ),
)

test('a base is written as before where the origin is told so: a list of public entries as a, others as b', () => {
  const forFollowers = BASE.entries.map((entry) => ({ ...entry, audience: 'followers' as const }))
  expect(encodeList(BASE, 'plain')[0]).toBe('a')
  expect(encodeList({ ...BASE, entries: forFollowers }, 'plain')[0]).toBe('b')
  expect(encodeList(BASE)[0]).toBe('c')
})

test('what each version wrote is read for ever', () => {
  const mixed = BASE.entries.map((entry) => (entry.root ? { ...entry, audience: 'followers' as const } : entry))
  const ids = '-x2z1k3vV-62-x2z1k3vV-0-x2z1k3vV-1-x2z1k3vV-2'
  const written = {
    [`a0Chn8JSY---0${ids}1gjhkZXh9Vf2--Vf12-Vf81~`]: BASE,
    [`b0Chn8JSY---0${ids}1gjhkZXh9Vf2--Vf16-Vf81~`]: { ...BASE, entries: mixed },
    'c6K:%u9gF%#1ZA-?^_2Bb1Kb]8:K?sZ0000z5Ad+P/8Gy40000$L}XI4go={L0uum0~': BASE,
    'c6K:%u9gF%#1ZA:(^_2Bb1Kb]8:K?sZ0000z5Ad+P/8Gy40000$L}XI4go={L0uum0KmY,.~': { ...BASE, entries: mixed },
  }
  for (const [text, list] of Object.entries(written)) expect(decodeList(text, CAP)).toEqual(list)
})

test('no JSON has to escape a character of it', () =>
  fc.assert(
    fc.property(anyList, anyFormat, (list, format) => {
      expect(encodeList(list, format)).toMatch(/^[!#-%(-;=?-[\]-_a-~]*$/)
    }),
  ))

test('pushed entries are merged into the base: newest first, each once, whatever the order of their arrival', () =>
  fc.assert(
    fc.property(
      anyList,
      fc.array(anyEntry, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      anyFormat,
      (list, pushed, again, format) => {
        const known = new Set(list.entries.map((entry) => entry.activityId))
        const fresh = [...new Map(pushed.map((entry) => [entry.activityId, entry])).values()].filter(
          (entry) => !known.has(entry.activityId),
        )
        const all = newestFirst([...list.entries, ...fresh])
        const doubles = all.length > 0 ? again.flatMap((n) => all[n % all.length] ?? []) : []
        const text = encodeList(list, format) + [...fresh, ...doubles].map(encodePushed).join('')
        expect(decodeList(text, CAP)).toEqual({ ...list, entries: all })
      },
    ),
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

const tooMany = {
  plain: ['-'.repeat(11), '-'.repeat(12), '-'.repeat(13)].map((start) => `a${start}zzzzH~`), // 33 million in its digits
  dense: Array.from({ length: 6 }, (_, place) => {
    const out = new BitWriter()
    out.bits(0, 42)
    out.bits(0, 22)
    out.column(Array.from({ length: 6 }, (_, i) => (i === place ? 33_000_000 : 0)))
    return `c${out.text()}~`
  }),
}

describe.each(FORMATS)('text that is damaged (%s)', (format: ListFormat) => {
  const base = encodeList(BASE, format)
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
          const whole = encodeList(list, format) + pushed.map(encodePushed).join('')
          const at = changeAt % whole.length
          decodeList(whole.slice(0, cutAt % whole.length), CAP)
          decodeList(whole.slice(0, at) + change + whole.slice(at + 1), CAP)
        },
      ),
    ))

  test('garbage never throws', () =>
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string(), fc.stringMatching(/^[abc][-0-9A-Z_a-z~]{0,60}$/)), (text) => {
        decodeList(text, CAP)
        decodeIds(text)
      }),
    ))

  test('another version is a miss', () => {
    expect(decodeList(`d${base.slice(1)}`, CAP)).toBeUndefined()
    expect(decodeIds(`b${encodeIds([]).slice(1)}`)).toBeUndefined()
  })

  test('a list with a count too many is a miss, and costs no memory', () => {
    const before = process.memoryUsage().heapUsed
    for (const text of tooMany[format]) expect(decodeList(text, CAP)).toBeUndefined()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024)
  })
})

test('the list of the crowd comes back as it was', () =>
  fc.assert(
    fc.property(fc.array(anyId), (ids) => {
      expect(decodeIds(encodeIds(ids))).toEqual(ids)
    }),
  ))

/** Ten days of a busy reader, with a fraction of reposts of what the last day brought. */
function busyReader(
  seed: number,
  { actors: actorCount, others, machines }: { actors: number; others: number; machines: number },
): PackedList {
  const random = mulberry32(seed)
  const below = (n: number) => Math.floor(random() * n)
  const users = Array.from({ length: actorCount + others }, () => idAt(1_763_700_000_000 - below(8 * 365 * 86_400_000), below(machines)))
  const moments = Array.from({ length: 800 }, () => 1_763_700_000_000 - below(10 * 86_400_000))
  const entries = moments.map((atMs, i): PackedEntry => {
    const entry = { activityId: idAt(atMs, below(machines)), actorId: users[below(actorCount)] ?? '', audience: 'public' as const }
    const authorId = users[below(users.length)] ?? ''
    return i < 120 ? { ...entry, root: { id: idAt(atMs - below(86_400_000), below(machines)), authorId } } : entry
  })
  return { completeSince: '0', candidates: users.slice(0, 20), entries: newestFirst(entries) }
}

test.each([1, 2, 3])('800 entries of 230 actors with 15 % reposts of many more take less than 7,000 characters (seed %i)', (seed) => {
  const list = busyReader(seed, { actors: 230, others: 120, machines: 6 })
  const text = encodeList(list)
  expect(decodeList(text, CAP)).toEqual(list)
  expect(text.length).toBeLessThan(7_000)
  expect(text.length + list.entries.slice(0, MAX_TAIL).map(encodePushed).join('').length).toBeLessThan(9_000)
})

test('a list of machine ids that wander through all there are takes less than 12 KB', () => {
  const list = busyReader(1, { actors: 300, others: 0, machines: 1_024 })
  expect(decodeList(encodeList(list), CAP)).toEqual(list)
  expect(encodeList(list).length).toBeLessThan(12 * 1024)
})

const idAt = (atMs: number, machine: number): string => String((BigInt(atMs - 1_288_834_974_657) << 22n) | BigInt(machine << 12))
