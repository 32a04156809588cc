import fc from 'fast-check'
import type { PackedEntry, PackedList } from '../../contract/l2/codec.ts'

/** Any id: 19 digits, 63 bits. */
export const anyId = fc.bigInt({ min: 10n ** 18n, max: 2n ** 63n - 1n }).map(String)

/** Any entry, reposts too; roots may be newer than their reposts. */
export const anyEntry: fc.Arbitrary<PackedEntry> = fc
  .tuple(anyId, anyId, fc.constantFrom('public', 'followers'), fc.option(fc.record({ id: anyId, authorId: anyId }), { nil: undefined }))
  .map(([activityId, actorId, audience, root]) => ({ activityId, actorId, audience, ...(root && { root }) }))

export const newestFirst = (entries: readonly PackedEntry[]): PackedEntry[] =>
  [...entries].sort((a, b) => (a.activityId < b.activityId ? 1 : -1))

/** Entries as a list holds them: newest first, unique by activity id. */
export const anyEntries = (maxLength: number): fc.Arbitrary<PackedEntry[]> =>
  fc.uniqueArray(anyEntry, { maxLength, selector: (entry) => entry.activityId }).map(newestFirst)

/** A list that holds everything its source has. */
export const anyList: fc.Arbitrary<PackedList> = fc.record({
  completeSince: fc.constant('0'),
  candidates: fc.array(anyId, { maxLength: 20 }),
  entries: anyEntries(40),
})

/** Ids that few machines minted within minutes of one another. */
const anyNearId = fc
  .tuple(fc.nat(1_000_000), fc.constantFrom(3, 7, 500), fc.constantFrom(0, 0, 0, 1, 2))
  .map(([millis, machine, sequence]) => String((BigInt(474_000_000_000 + millis) << 22n) + BigInt(machine * 4_096 + sequence)))

/** A list as it is in life: few users, who post and repost one another. */
export const anyTimeline: fc.Arbitrary<PackedList> = fc.array(anyNearId, { minLength: 1, maxLength: 8 }).chain((users) => {
  const anyUser = fc.constantFrom(...users)
  const anyLine: fc.Arbitrary<PackedEntry> = fc
    .tuple(
      anyNearId,
      anyUser,
      fc.constantFrom('public', 'public', 'followers'),
      fc.option(fc.record({ id: anyNearId, authorId: anyUser }), { nil: undefined }),
    )
    .map(([activityId, actorId, audience, root]) => ({ activityId, actorId, audience, ...(root && { root }) }))
  return fc.record({
    completeSince: fc.constantFrom('0', String(474_000_000_000n << 22n)),
    candidates: fc.subarray([...new Set(users)]),
    entries: fc
      .uniqueArray(anyLine, { maxLength: 60, selector: (entry) => entry.activityId })
      .map((lines) => newestFirst(lines.filter(({ activityId }) => activityId > String(474_000_000_000n << 22n)))),
  })
})

/** Any text, whole or broken: every UTF-16 unit, lone surrogates too. */
export const anyText = fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
