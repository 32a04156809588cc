import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beatKeyOf, keyOf, leaseKeyOf, type ParsedKey, parseKey } from '../../../../contract/l2/keys.ts'
import { anyId, anyText } from '../../../support/arbitrary.ts'

const ID = '1100000000000000001'
const anyKey: fc.Arbitrary<[string, ParsedKey]> = anyId.chain((id) =>
  fc.constantFrom<[string, ParsedKey]>(
    [keyOf.timeline(id), { kind: 'timeline', id }],
    [keyOf.viewer(id), { kind: 'viewer', id }],
    [keyOf.user(id), { kind: 'user', id }],
    [keyOf.author(id, 'public'), { kind: 'author', id, audience: 'public' }],
    [keyOf.post(id, 'public'), { kind: 'post', id, audience: 'public' }],
    [keyOf.crowd(), { kind: 'crowd' }],
  ),
)

test('every key that can be written can be read', () =>
  fc.assert(
    fc.property(anyKey, ([key, parsed]) => {
      expect(parseKey(key)).toEqual(parsed)
    }),
  ))

test('no two things share a key', () =>
  fc.assert(
    fc.property(anyKey, anyKey, ([a, parsedA], [b, parsedB]) => {
      expect(a === b).toBe(JSON.stringify(parsedA) === JSON.stringify(parsedB))
    }),
  ))

test.each([
  '',
  'tl:',
  'tl:1',
  `tl:${ID}0`,
  `tl:${ID}\n`,
  ` tl:${ID}`,
  `tl:${ID}:public`,
  `TL:${ID}`,
  `au:${ID}`,
  `po:${ID}:friends`,
  `rel:${ID}`,
  `pop:${ID}`,
  `po:${ID}:public:x`,
  `xx:${ID}`,
  'crowd:',
  `crowd:${ID}`,
  `tideline:tl:${ID}`,
  leaseKeyOf(`tl:${ID}`),
  beatKeyOf(7),
])('%j is no key of a value', (key) => {
  expect(parseKey(key)).toBeUndefined()
})

test('any text is a key that was written, or none', () =>
  fc.assert(
    fc.property(
      fc.oneof(anyText, fc.string(), fc.stringMatching(/^(tl|vw|us|au|po|co|my|rel|ls):[0-9]{18,20}(:public|:followers|:[0-9]{19})?$/)),
      (text) => {
        const parsed = parseKey(text)
        if (parsed?.kind === 'crowd' || parsed?.kind === 'popular') expect(text).toBe(keyOf[parsed.kind]())
        else if (parsed?.kind === 'relation') expect(text).toBe(keyOf.relation(parsed.id, parsed.authorId))
        else if (parsed && 'audience' in parsed) expect(text).toBe(keyOf[parsed.kind](parsed.id, parsed.audience))
        else if (parsed) expect(text).toBe(keyOf[parsed.kind](parsed.id))
      },
    ),
  ))

test('a lease lies beside its value, a heartbeat names its machine', () => {
  expect(leaseKeyOf(keyOf.post(ID, 'public'))).toBe(`ls:po:${ID}:public`)
  expect(beatKeyOf(1_023)).toBe('hb:1023')
})
