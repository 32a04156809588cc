import { expect, test } from 'vitest'
import { compare, type SeenLine } from '../../../../dev/doctor/compare.ts'
import { minutesText } from '../../../../dev/doctor/minutes.ts'
import type { OracleActivity } from '../../../../origin/db/oracle.ts'

const PROMISED_MS = 5_000
const READ_AT_MS = 1_000_000
const OLD = READ_AT_MS - PROMISED_MS
const YOUNG = OLD + 1

/** An activity that was visible and delivered long ago, unless told otherwise. */
const activity = (id: number, change: Partial<OracleActivity> & { root?: number } = {}): OracleActivity => ({
  activityId: String(id),
  rootId: String(change.root ?? id),
  actorId: 'a',
  authorId: 'a',
  now: { is: 'visible' },
  sinceMs: 0,
  journey: { by: 'push', state: 'delivered', atMs: 0 },
  ...change,
})
const deleted = (id: number, sinceMs: number, root?: number) =>
  activity(id, { now: { is: 'hidden', why: 'deleted' }, sinceMs, ...(root && { root }) })
const queued = (id: number, sinceMs: number, root?: number) =>
  activity(id, { sinceMs, journey: { by: 'push', state: 'queued', sinceMs }, ...(root && { root }) })
const line = (id: number, root = id): SeenLine => ({ activityId: String(id), rootId: String(root) })

function compared(activities: readonly OracleActivity[], lines: readonly SeenLine[], complete = true): string[] {
  const newestFirst = activities.toSorted((a, b) => Number(b.activityId) - Number(a.activityId))
  return compare(newestFirst, { lines, readAtMs: READ_AT_MS, complete }, PROMISED_MS).map(
    ({ kind, verdict, activityId }) => `${activityId} ${kind}: ${verdict}`,
  )
}
const within = 'late within the promise'
const beyond = 'late beyond the promise'

test('what must be there is there once, in order', () => {
  const all = [activity(13), activity(12), activity(11)]
  expect(compared(all, [line(13), line(12), line(11)])).toEqual([])
  expect(compared(all, [line(13), line(11)])).toEqual(['12 missing: wrong'])
  expect(compared(all, [line(13), line(11), line(12)])).toEqual(['12 misplaced: wrong'])
  expect(compared(all, [line(13), line(13), line(12), line(11)])).toEqual(['13 misplaced: wrong', '13 doubled: wrong'])
  expect(compared(all, [line(14), line(13), line(12), line(11)])).toEqual(['14 stranger: wrong'])
  expect(compared(all, [line(13), line(12, 99), line(11)])).toEqual(['12 other: wrong', '12 missing: wrong'])
})

test('what was hidden must not be there, five seconds later', () => {
  expect(compared([activity(13), deleted(12, OLD)], [line(13), line(12)])).toEqual(['12 leaked: wrong'])
  expect(compared([activity(13), deleted(12, YOUNG)], [line(13), line(12)])).toEqual([`12 leaked: ${within}`])
  expect(compared([activity(13), deleted(12, OLD)], [line(13)])).toEqual([])
})

test('what is on its way may be missing for five seconds, and is late then', () => {
  expect(compared([activity(13), queued(14, YOUNG)], [line(13)])).toEqual([`14 missing: ${within}`])
  expect(compared([activity(13), queued(14, OLD - 1)], [line(13)])).toEqual([`14 missing: ${beyond}`])
  expect(compared([activity(13), queued(14, OLD - 1)], [line(14), line(13)])).toEqual([])
  const justDelivered = activity(14, { journey: { by: 'push', state: 'delivered', atMs: YOUNG } })
  expect(compared([activity(13), justDelivered], [line(13)])).toEqual([`14 missing: ${within}`])
})

test('a post stands once, under the newest activity that brought it and is there', () => {
  const root = activity(11)
  const repost = activity(15, { root: 11 })
  expect(compared([root, repost], [line(15, 11)])).toEqual([])
  expect(compared([root, repost], [line(11)])).toEqual(['15 older: wrong'])
  expect(compared([root, repost], [])).toEqual(['15 missing: wrong'])
  expect(compared([root, repost], [line(15, 11), line(11)])).toEqual(['11 doubled: wrong'])
  expect(compared([root, queued(15, YOUNG, 11)], [line(11)])).toEqual([`15 older: ${within}`])
  expect(compared([root, queued(15, YOUNG, 11)], [])).toEqual([`15 missing: ${within}`, '11 missing: wrong'])
  // The repost was undone while the scroll went by: its post comes again.
  expect(compared([root, deleted(15, READ_AT_MS + 10, 11)], [line(15, 11), line(11)])).toEqual([`15 leaked: ${within}`])
})

test('a scroll that was cut is compared down to its last line', () => {
  const all = [activity(13), activity(12), activity(11)]
  expect(compared(all, [line(13), line(12)], false)).toEqual([])
  expect(compared(all, [line(12)], false)).toEqual(['13 missing: wrong'])
  expect(compared(all, [], false)).toEqual([])
})

test('minutes of the monitor are printed with their share of right answers and their nines', () => {
  const row = { minuteMs: Date.UTC(2026, 10, 21, 18, 5), place: 'L2', kind: 'tl', checked: 1_000, late: 3, beyond: 0, wrong: 1 }
  expect(minutesText([row, { ...row, kind: 'po', wrong: 0 }], 10)).toBe(
    [
      'minute (UTC)       place   keys   checked   late   beyond   wrong       right   nines',
      '2026-11-21 18:05   L2      tl       1,000      3        0       1    99.900 %     3.0',
      '2026-11-21 18:05   L2      po       1,000      3        0       0   100.000 %   > 3.0',
      'all                                 2,000      6        0       1    99.950 %     3.3',
      '',
    ].join('\n'),
  )
  expect(minutesText([], 10)).toContain('looked at nothing in the last 10 minutes')
})
