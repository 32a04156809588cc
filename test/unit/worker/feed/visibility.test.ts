import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gateOf, type Regard, type Sight, sightOf } from '../../../../worker/feed/visibility.ts'

const EITHER = [false, true] as const
const READERS = ['author', 'user', 'nobody'] as const
const PLACES = ['feed', 'page'] as const
const ACCOUNTS = ['open', 'private', 'suspended', undefined] as const
const AUDIENCES = ['public', 'followers', undefined] as const
const [FOLLOWER, STRANGER, BLOCKED] = (['follower', 'stranger', 'blocked'] as const).map((as) => ({ as, muted: false }))
const RELATIONS = [undefined, ...(['follower', 'stranger', 'blocked'] as const).flatMap((as) => EITHER.map((muted) => ({ as, muted })))]

const all: readonly Regard[] = READERS.flatMap((reader) =>
  PLACES.flatMap((where) =>
    ACCOUNTS.flatMap((account) =>
      AUDIENCES.flatMap((audience) =>
        RELATIONS.flatMap((relation) =>
          EITHER.flatMap((blocked) =>
            EITHER.flatMap((muted) => EITHER.map((many) => ({ reader, where, account, audience, relation, blocked, muted, many }))),
          ),
        ),
      ),
    ),
  ),
)

/** A user who follows, hides nobody and looks at a public post of an open account: each row of the table says what is otherwise. */
const USUAL: Regard = {
  reader: 'user',
  where: 'feed',
  account: 'open',
  audience: 'public',
  relation: undefined,
  blocked: false,
  muted: false,
  many: false,
}
const CLOSED = { audience: 'followers' } as const
const PRIVATE = { account: 'private' } as const
const NOBODY = { reader: 'nobody' } as const
const AUTHOR = { reader: 'author' } as const
const PAGE = { where: 'page' } as const

const TABLE: readonly (readonly [what: string, otherwise: Partial<Regard>, sight: Sight])[] = [
  ['a public post', {}, 'shown'],
  ['a public post, to nobody we know', NOBODY, 'shown'],
  ['a public post of somebody blocked', { blocked: true }, 'hidden'],
  ['a public post of somebody blocked, on the page', { ...PAGE, blocked: true }, 'hidden'],
  ['a public post of somebody muted', { muted: true }, 'hidden'],
  ['a public post of somebody muted, on the page', { ...PAGE, muted: true }, 'shown'],
  ['a public post of somebody newly muted', { relation: { as: 'follower', muted: true } }, 'hidden'],
  ['a public post of somebody newly muted, on the page', { ...PAGE, relation: { as: 'stranger', muted: true } }, 'shown'],
  ['a public post of somebody newly blocked', { relation: BLOCKED }, 'hidden'],
  ['a public post, to one who hides many', { many: true, relation: STRANGER }, 'shown'],
  ['a public post, to one who hides many, the author too', { many: true, relation: BLOCKED }, 'hidden'],
  ['a public post, to one who hides many, unproven', { many: true }, 'unproven'],
  ['a public post, to one who hides many, muted too', { many: true, relation: { as: 'stranger', muted: true } }, 'hidden'],
  ['the same on the page', { ...PAGE, many: true, relation: { as: 'stranger', muted: true } }, 'shown'],
  [
    'a post for followers, to one who muted its author, on the page',
    { ...PAGE, ...CLOSED, muted: true, relation: { as: 'follower', muted: true } },
    'shown',
  ],
  ['a post of unknown audience', { audience: undefined, relation: FOLLOWER }, 'hidden'],
  ['a post for followers, to one', { ...CLOSED, relation: FOLLOWER }, 'shown'],
  ['a post for followers, to another', { ...CLOSED, relation: STRANGER }, 'hidden'],
  ['a post for followers, unproven', CLOSED, 'unproven'],
  ['a post for followers, to a follower who is blocked', { ...CLOSED, relation: FOLLOWER, blocked: true }, 'hidden'],
  ['a post for followers, to nobody we know', { ...CLOSED, ...NOBODY, relation: FOLLOWER }, 'hidden'],
  ['a post for followers, to its author', { ...CLOSED, ...AUTHOR }, 'shown'],
  ['a once public post of a private account, to a follower', { ...PRIVATE, relation: FOLLOWER }, 'shown'],
  ['a once public post of a private account, to another', { ...PRIVATE, relation: STRANGER }, 'hidden'],
  ['a once public post of a private account, unproven', PRIVATE, 'unproven'],
  ['a once public post of a private account, to nobody we know', { ...PRIVATE, ...NOBODY }, 'hidden'],
  ['a post of a private account, to its owner', { ...PRIVATE, ...CLOSED, ...AUTHOR }, 'shown'],
  ['a post of a suspended account', { account: 'suspended' }, 'hidden'],
  ['a post of a suspended account, to its owner', { account: 'suspended', ...AUTHOR }, 'hidden'],
  ['a post of an account that is gone, to a follower', { account: undefined, relation: FOLLOWER }, 'hidden'],
]

test.each(TABLE)('%s', (_, otherwise, sight) => {
  expect(sightOf({ ...USUAL, ...otherwise })).toBe(sight)
})

/** The rules as the README says them, each by itself: what forbids, and what must be proven. */
function naive(regard: Regard): Sight {
  const { reader, where, account, audience, relation, blocked, muted, many } = regard
  const isUser = reader === 'user'
  const isPublic = account === 'open' && audience === 'public'
  const forbidden = [
    account === undefined,
    account === 'suspended',
    reader !== 'author' && audience === undefined,
    isUser && blocked,
    isUser && relation?.as === 'blocked',
    isUser && muted && where === 'feed',
    isUser && relation?.muted === true && where === 'feed',
    reader === 'nobody' && !isPublic,
    isUser && relation?.as === 'stranger' && !isPublic,
  ]
  if (forbidden.includes(true)) return 'hidden'
  const needsProof = isUser && (many || !isPublic)
  return needsProof && relation === undefined ? 'unproven' : 'shown'
}

test('of all cases there are, each is what the rules say one by one', () => {
  expect(all).toHaveLength(3 * 2 * 4 * 3 * 7 * 2 * 2 * 2)
  for (const regard of all) expect(sightOf(regard), JSON.stringify(regard)).toBe(naive(regard))
})

test('to know less never shows more, but for a block or a mute that only a relation told', () => {
  const unknowns = [{ relation: undefined }, { account: undefined }, { audience: undefined }, { many: true }] as const
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.constantFrom(...unknowns), (regard, unknown) => {
      if ('relation' in unknown && (regard.relation?.as === 'blocked' || regard.relation?.muted)) return
      if (sightOf(regard) !== 'shown') expect(sightOf({ ...regard, ...unknown })).not.toBe('shown')
    }),
    { numRuns: 2_000 },
  )
})

test('nothing that is not public is shown to anybody but its author without the proof that he is a follower', () => {
  for (const regard of all) {
    const isPublic = regard.account === 'open' && regard.audience === 'public'
    if (isPublic || regard.reader === 'author' || sightOf(regard) !== 'shown') continue
    expect(regard).toMatchObject({ reader: 'user', relation: { as: 'follower' } })
  }
})

test("an author's page shows what its lines may, and says why where it shows nothing", () => {
  const gate = (otherwise: Partial<Regard>) => gateOf({ ...USUAL, ...otherwise })
  expect(gate({})).toBe('public')
  expect(gate(NOBODY)).toBe('public')
  expect(gate(AUTHOR)).toBe('all')
  expect(gate({ relation: FOLLOWER })).toBe('all')
  expect(gate({ relation: STRANGER })).toBe('public')
  expect(gate({ muted: true, relation: { as: 'stranger', muted: true } })).toBe('public')
  expect(gate({ ...PRIVATE, muted: true, relation: { as: 'follower', muted: true } })).toBe('all')
  expect(gate({ blocked: true })).toBe('blocked')
  expect(gate({ relation: BLOCKED })).toBe('blocked')
  expect(gate({ ...PRIVATE, blocked: true })).toBe('blocked')
  expect(gate({ ...PRIVATE, relation: FOLLOWER })).toBe('all')
  expect(gate({ ...PRIVATE, relation: STRANGER })).toBe('private')
  expect(gate({ ...PRIVATE, ...NOBODY })).toBe('private')
  expect(gate(PRIVATE)).toBe('unproven')
  expect(gate({ many: true })).toBe('unproven')
  expect(gate({ ...AUTHOR, account: 'suspended' })).toBe('not-found')
  expect(gate({ account: undefined })).toBe('not-found')
})
