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

/** Any text, whole or broken: every UTF-16 unit, lone surrogates too. */
export const anyText = fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
