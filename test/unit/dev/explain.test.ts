import { expect, test } from 'vitest'
import { type Passage, passageText, wayOf } from '../../../dev/explain/passage.ts'
import type { ReaderRow, Whereabouts } from '../../../origin/db/doctor.ts'
import type { OracleActivity } from '../../../origin/db/oracle.ts'

const NOW_MS = Date.parse('2026-11-22T12:00:00Z')
const HOUR_MS = 3_600_000
const READER: ReaderRow = {
  id: '1100000000000000001',
  handle: 'ada',
  barred: null,
  enrolledAtMs: NOW_MS - 10 * HOUR_MS,
  lastActiveAtMs: NOW_MS,
  presentUntilMs: NOW_MS + HOUR_MS,
  rebuilding: false,
  viewVersion: 1,
  followVersion: 1,
  follows: 3,
  nowMs: NOW_MS,
}
const ROW: Whereabouts = {
  activityId: '2100000000000000001',
  actorId: '1100000000000000002',
  authorId: '1100000000000000002',
  mintedAtMs: NOW_MS - HOUR_MS,
  mode: 'push',
  audience: 'public',
  isRepost: false,
  actor: 'ben',
  route: 'push',
  candidateSinceMs: null,
  followedSinceMs: NOW_MS - 20 * HOUR_MS,
  inTimeline: false,
  belowTimeline: false,
  hasEdge: true,
  queuedSinceMs: null,
  attempts: null,
  putOffUntilMs: null,
  insertedAtMs: null,
  pushedAtMs: null,
  copyingDueMs: null,
  diedAtMs: null,
  jobError: null,
}
const VISIBLE: OracleActivity = {
  activityId: ROW.activityId,
  rootId: ROW.activityId,
  actorId: ROW.actorId,
  authorId: ROW.authorId,
  now: { is: 'visible' },
  sinceMs: NOW_MS - HOUR_MS,
  journey: { by: 'push', state: 'delivered', atMs: NOW_MS },
}
const IN_ROWS = { inTimeline: true }

test.each<[string, Partial<ReaderRow>, Partial<Whereabouts>, Passage['way'], RegExp]>([
  ['own', {}, { actorId: READER.id }, 'own', /reader's own/],
  ['pulled', {}, { mode: 'pull', route: 'pull' }, 'list', /@ben is pulled/],
  ['hot then, pulled now', {}, { mode: 'hot', route: 'pull' }, 'list', /or the merge/],
  ['dormant reader', { enrolledAtMs: null }, {}, 'return', /dormant/],
  ['rebuilding reader', { rebuilding: true }, {}, 'return', /until the rows are written/],
  ['history owed', {}, { copyingDueMs: NOW_MS }, 'coming', /still to be copied/],
  ['below the rows', {}, { belowTimeline: true }, 'older', /below the newest 800/],
  ['row and push', {}, { ...IN_ROWS, insertedAtMs: NOW_MS, pushedAtMs: NOW_MS }, 'row', /acknowledged the push at 2026-11-22T12:00:00/],
  ['row, push owed', {}, { ...IN_ROWS, insertedAtMs: NOW_MS }, 'row', /push to L2 is still owed/],
  ['row of long ago', {}, IN_ROWS, 'row', /more than two hours ago/],
  ['row of the follow', {}, { ...IN_ROWS, followedSinceMs: NOW_MS }, 'row', /copied when they followed/],
  ['row of the return', { enrolledAtMs: NOW_MS }, IN_ROWS, 'row', /rebuild when they came back/],
  ['hot, present', {}, { mode: 'hot', insertedAtMs: NOW_MS, pushedAtMs: NOW_MS }, 'present', /@ben is hot: no row, it was pushed/],
  ['hot, absent', { presentUntilMs: null }, { mode: 'hot', pushedAtMs: NOW_MS }, 'fill', /each fill of a timeline looks/],
  ['hot, queued', {}, { mode: 'hot', queuedSinceMs: NOW_MS }, 'coming', /fan-out has not come/],
  ['pulled then', {}, { mode: 'pull', route: 'demoted' }, 'fill', /it was pulled then/],
  ['queued', {}, { queuedSinceMs: NOW_MS }, 'coming', /fan-out has not come to this reader yet/],
  ['dead', {}, { diedAtMs: NOW_MS, jobError: 'an error' }, 'coming', /npm run dead-jobs/],
  ['no row', {}, { hasEdge: false }, 'coming', /no edge that leads to them: fan-out passed them by, report it/],
  ['left out', { enrolledAtMs: NOW_MS }, {}, 'coming', /rebuild at their return left it out/],
])('a visible post comes by its way: %s', (_, reader, row, way, because) => {
  const answer = wayOf({ ...READER, ...reader }, { ...ROW, ...row }, VISIBLE)
  expect(answer).toEqual({ way, because: expect.stringMatching(because) })
})

test.each<[string, Partial<ReaderRow>, OracleActivity | undefined, RegExp]>([
  ['a barred reader', { barred: 'suspended' }, VISIBLE, /account is suspended/],
  ['nobody followed', {}, undefined, /does not follow @ben, nor anybody who reposted it/],
  ['hidden', {}, { ...VISIBLE, now: { is: 'hidden', why: 'muted' } }, /^the reader muted somebody in it, since 2026-11-22T11:00/],
  ['folded', {}, { ...VISIBLE, now: { is: 'folded', under: '2100000000000000009' } }, /shown by 2100000000000000009, which is newer/],
])('a post that does not reach a reader says why: %s', (_, reader, activity, because) => {
  expect(wayOf({ ...READER, ...reader }, ROW, activity)).toEqual({ way: undefined, because: expect.stringMatching(because) })
})

test('a passage as text: what shows it, why, and each place', () => {
  const passage: Passage = {
    reader: READER,
    postId: '2100000000000000000',
    activityId: ROW.activityId,
    way: 'row',
    because: 'so it is',
    places: [['L2', 'tl: holds it']],
  }
  expect(passageText(passage)).toBe(`2100000000000000000, shown by ${ROW.activityId} reaches @ada (${READER.id}): row
  because   so it is
  reader    follows 3; active since 2026-11-22T02:00:00.000Z; a timeline of theirs may be in L2 until 2026-11-22T13:00:00.000Z
  L2        tl: holds it
`)
  expect(passageText({ ...passage, postId: ROW.activityId, way: undefined })).toMatch(/^\d+ does not reach @ada \(\d+\)\n/)
  expect(passageText({ ...passage, way: 'coming' })).toMatch(/ has not reached @ada \(\d+\): coming\n/)
})
