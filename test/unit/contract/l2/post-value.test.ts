import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodePostValue, encodePostValue, type PostValue } from '../../../../contract/l2/post-value.ts'
import { anyId, anyText } from '../../../support/arbitrary.ts'

const anyPostValue: fc.Arbitrary<PostValue> = fc.oneof(
  fc.record({ kind: fc.constant('post' as const), authorId: anyId, json: fc.json() }),
  fc.record({ kind: fc.constant('repost' as const), authorId: anyId, rootId: anyId, rootAuthorId: anyId }),
  fc.record({ kind: fc.constant('not-public' as const), authorId: anyId }),
  fc.constant({ kind: 'gone' as const }),
)

test('a post, a pointer, a word and a tombstone come back as they were', () =>
  fc.assert(
    fc.property(anyPostValue, (value) => {
      expect(decodePostValue(encodePostValue(value))).toEqual(value)
    }),
  ))

test('what is none of them is a miss', () => {
  const id = '1100000000000000001'
  for (const text of ['', 'p', 'r', 'x ', 'X', `n`, `n${id}0`, `p${id}`, `r${id}${id}`, `r${id}${id}${id}0`, `q${id}{}`])
    expect(decodePostValue(text), text).toBeUndefined()
})

test('a pointer cut short anywhere is a miss', () => {
  const whole = encodePostValue({
    kind: 'repost',
    authorId: '1100000000000000001',
    rootId: '1500000000000000001',
    rootAuthorId: '1100000000000000002',
  })
  for (let length = 0; length < whole.length; length++) expect(decodePostValue(whole.slice(0, length))).toBeUndefined()
})

test('garbage never throws', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        fc.string().map((text) => `r${text}`),
        fc.string().map((text) => `p${text}`),
      ),
      (text) => {
        decodePostValue(text)
      },
    ),
  ))
