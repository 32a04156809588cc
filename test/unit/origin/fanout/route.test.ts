import { expect, test } from 'vitest'
import { chunksOf, costsOf, modeOf, nextOf, type RoutingRules, whyOf } from '../../../../origin/fanout/route.ts'

const HOUR_MS = 3_600_000
const NOW_MS = 1_800_000_000_000
const RULES: RoutingRules = {
  crowdThreshold: 1_000,
  crowdWhy: 'as it is set',
  leaveShare: 0.8,
  holdMs: 24 * HOUR_MS,
  candidateFloor: 250,
  timelineLifeMs: 24 * HOUR_MS,
  announceMs: 15_000,
  hotThreshold: 100,
  hotLeaveShare: 0.8,
  hotHoldMs: HOUR_MS,
  bigLaneFollowers: 200,
  chunkSize: 50,
  keysPerCall: 20,
}
type Tier = Parameters<typeof nextOf>[0]
const author = (changes: Partial<Tier> = {}): Tier => ({
  nowMs: NOW_MS,
  followers: 10,
  route: 'push',
  candidateSinceMs: null,
  announcedAtMs: null,
  demotedAtMs: null,
  hot: false,
  hotChangedAtMs: null,
  ...changes,
})
const MINUTE_AGO_MS = NOW_MS - 60_000
const LONG_AGO_MS = NOW_MS - 48 * HOUR_MS
const nextText = (tier: Tier): string[] =>
  nextOf(tier, RULES).map(({ change, waitsFor, atMs }) => `${change} | ${waitsFor} | ${atMs === null ? '' : (atMs - NOW_MS) / 1_000}`)

test('the mode is what a post gets at its commit: pulled before hot before pushed, and announced or demoted authors are not pulled', () => {
  const modes = (['push', 'announced', 'pull', 'demoted'] as const).map((route) => [
    modeOf({ route, hot: false }),
    modeOf({ route, hot: true }),
  ])
  expect(modes).toEqual([
    ['push', 'hot'],
    ['push', 'hot'],
    ['pull', 'pull'],
    ['push', 'hot'],
  ])
})

test.each<[string, Partial<Tier>, RegExp]>([
  ['few followers', {}, /^10 followers are too few for another way: a row/],
  ['announced', { route: 'announced', followers: 2_000 }, /not pulled before every reader knows$/],
  ['hot', { hot: true, followers: 120 }, /^120 followers are at least the hot threshold of 100: no rows/],
  [
    'hot, and smaller than it was',
    { hot: true, followers: 90 },
    /^90 followers are fewer than the hot threshold of 100, and who is hot stays so/,
  ],
  ['pulled', { route: 'pull', followers: 2_000 }, /^2,000 followers are at least the crowd threshold of 1,000/],
  [
    'pulled, and smaller than it was',
    { route: 'pull', followers: 900 },
    /fewer than the crowd threshold of 1,000.*down to 800 and for 24 h at least$/,
  ],
  ['demoted', { route: 'demoted', followers: 90 }, /it was pulled, and stays in crowd until every timeline from then has ended$/],
])('why, of an author who is %s', (_, changes, says) => {
  expect(whyOf(author(changes), RULES)).toMatch(says)
})

test.each<[string, Partial<Tier>, string]>([
  ['has few followers', {}, 'becomes a candidate, which timelines name | 240 more followers | '],
  ['has enough for a candidate', { followers: 250 }, 'becomes a candidate, which timelines name | the tiers take their next step | 1'],
  ['is a small candidate', { followers: 900, candidateSinceMs: MINUTE_AGO_MS }, 'is announced in crowd | 100 more followers | '],
  [
    'is a candidate since a minute',
    { followers: 1_000, candidateSinceMs: MINUTE_AGO_MS },
    'is announced in crowd | every timeline that does not name it has ended | 86340',
  ],
  [
    'is a candidate since long',
    { followers: 1_000, candidateSinceMs: LONG_AGO_MS },
    'is announced in crowd | the tiers take their next step | 1',
  ],
  [
    'is announced',
    { followers: 1_000, route: 'announced', announcedAtMs: NOW_MS - 5_000 },
    'is pulled | every reader has a crowd that names it | 10',
  ],
  [
    'is pulled',
    { followers: 1_000, route: 'pull', announcedAtMs: LONG_AGO_MS },
    'is demoted: its posts are pushed again | 201 fewer followers | ',
  ],
  [
    'is pulled and too small, within the hold time',
    { followers: 700, route: 'pull', announcedAtMs: MINUTE_AGO_MS },
    'is demoted: its posts are pushed again | the hold time has passed | 86340',
  ],
  [
    'is pulled and too small',
    { followers: 700, route: 'pull', announcedAtMs: LONG_AGO_MS },
    'is demoted: its posts are pushed again | the tiers take their next step | 1',
  ],
  [
    'is demoted',
    { followers: 700, route: 'demoted', demotedAtMs: MINUTE_AGO_MS },
    'leaves crowd | every timeline from before has ended | 86340',
  ],
  [
    'is demoted and grew',
    { followers: 1_000, route: 'demoted', demotedAtMs: MINUTE_AGO_MS },
    'is announced in crowd anew | the tiers take their next step | 1',
  ],
])('what changes next in crowd, of an author who %s', (_, changes, says) => {
  expect(nextText(author(changes))[0]).toBe(says)
})

test.each<[string, Partial<Tier>, string]>([
  ['is small', {}, 'is hot: no rows any more | 90 more followers | '],
  ['grew', { followers: 100 }, 'is hot: no rows any more | the tiers take their next step | 1'],
  [
    'grew again within the hold time',
    { followers: 100, hotChangedAtMs: MINUTE_AGO_MS },
    'is hot: no rows any more | the hold time has passed | 3540',
  ],
  ['is hot', { followers: 100, hot: true }, 'is hot no more: its posts are rows again | 21 fewer followers | '],
  [
    'shrank',
    { followers: 79, hot: true, hotChangedAtMs: LONG_AGO_MS },
    'is hot no more: its posts are rows again | the tiers take their next step | 1',
  ],
])('what changes next in the mid tier, of an author who %s', (_, changes, says) => {
  expect(nextText(author(changes))[1]).toBe(says)
})

test('a push costs a row and a key of each active follower, hot the keys of those who are present, pull one key and the reads', () => {
  expect(costsOf({ active: 100, present: 30 }, RULES)).toEqual({
    push: { rows: 100, l2Keys: 101, l2Calls: 6, keysPerRead: 0 },
    hot: { rows: 0, l2Keys: 31, l2Calls: 2, keysPerRead: 0 },
    pull: { rows: 0, l2Keys: 1, l2Calls: 1, keysPerRead: 1 },
  })
  expect([chunksOf('push', 0, RULES), chunksOf('push', 49, RULES), chunksOf('push', 50, RULES), chunksOf('pull', 500, RULES)]).toEqual([
    1, 1, 2, 1,
  ])
})
