import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMarks, encodeMarks } from '../../../../contract/l2/codec.ts'
import { decodeCounts, encodeCounts } from '../../../../contract/l2/counts-value.ts'
import { decodeRelation, encodeRelation } from '../../../../contract/l2/relation-value.ts'
import { decodeUserValue, encodeUserValue } from '../../../../contract/l2/user-value.ts'
import { anyId } from '../../../support/arbitrary.ts'

const anyVisibility = fc.constantFrom('open', 'private', 'suspended')
const anyJson = fc.dictionary(fc.string(), fc.string()).map((object) => JSON.stringify(object))

describe('what is encoded is decoded', () => {
  test('an account', () =>
    fc.assert(
      fc.property(anyVisibility, anyJson, (visibility, json) => {
        expect(decodeUserValue(encodeUserValue({ visibility, json }))).toEqual({ visibility, json })
      }),
    ))

  test('a relation', () => {
    for (const as of ['follower', 'stranger', 'blocked'] as const) {
      for (const muted of [false, true]) expect(decodeRelation(encodeRelation({ as, muted }))).toEqual({ as, muted })
    }
  })

  test('counts', () =>
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (likes, reposts) => {
        expect(decodeCounts(encodeCounts({ likes, reposts }))).toEqual({ likes, reposts })
      }),
    ))

  test('what a viewer did to posts', () =>
    fc.assert(
      fc.property(anyId, fc.array(anyId, { maxLength: 40 }), fc.array(anyId, { maxLength: 40 }), (completeSince, liked, reposted) => {
        expect(decodeMarks(encodeMarks({ completeSince, liked, reposted }))).toEqual({ completeSince, liked, reposted })
      }),
    ))
})

test('an account written before accounts could be private is open', () => {
  expect(decodeUserValue('{"id":"1"}')).toEqual({ visibility: 'open', json: '{"id":"1"}' })
})

test('anything else is a miss, and never passes for something more visible than it is', () => {
  const decoders = { decodeUserValue, decodeRelation, decodeCounts, decodeMarks }
  for (const text of ['', 'x{}', 'p', 'open', 'ff', 'M', '1', '1,', '-1,2', '1,2,3', 'b', 'a12', 'a----------------'])
    expect([text, Object.values(decoders).map((decode) => decode(text))]).toEqual([text, [undefined, undefined, undefined, undefined]])
  fc.assert(
    fc.property(fc.string(), (text) => {
      const account = decodeUserValue(text)
      if (account) expect([encodeUserValue(account), account.json]).toContain(text)
    }),
  )
})
