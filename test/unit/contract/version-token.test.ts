import fc from 'fast-check'
import { expect, test } from 'vitest'
import { importKey } from '../../../contract/signed.ts'
import { decodeVersionToken, encodeVersionToken, joinRaised, parseRaised } from '../../../contract/version-token.ts'
import { anyText } from '../../support/arbitrary.ts'

const NOW_MS = 1_763_700_000_000
const LIFE_MS = 300_000
const ROOM = 24
const VIEWER = '1100000000000000001'
const key = await importKey('a secret of this test')
const many = (prefix: string, count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, i + 1]))
const anyRaised = fc.dictionary(fc.stringMatching(/^[a-z]{2}:[0-9]{1,2}$/), fc.integer({ min: 1, max: 1_000 }), { maxKeys: 30 })

test('a token says what was raised, until it is five minutes old', async () => {
  const raised = { 'au:1:public': 7, 'vw:1': 3 }
  const token = await encodeVersionToken(key, VIEWER, raised, NOW_MS)
  expect(await decodeVersionToken(key, VIEWER, token, NOW_MS + LIFE_MS - 1)).toEqual(raised)
  expect(await decodeVersionToken(key, VIEWER, token, NOW_MS + LIFE_MS)).toEqual({})
})

test('a token that is forged, truncated, garbage or of another viewer insists on nothing', async () => {
  const token = await encodeVersionToken(key, VIEWER, { 'vw:1': 3 }, NOW_MS)
  expect(await decodeVersionToken(key, '1100000000000000002', token, NOW_MS)).toEqual({})
  expect(await decodeVersionToken(await importKey('another secret'), VIEWER, token, NOW_MS)).toEqual({})
  for (let length = 0; length < token.length; length += 3)
    expect(await decodeVersionToken(key, VIEWER, token.slice(0, length), NOW_MS)).toEqual({})
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      expect(await decodeVersionToken(key, VIEWER, text, NOW_MS)).toEqual({})
    }),
  )
})

test('joined tokens never insist on less than either, as long as there is room', () =>
  fc.assert(
    fc.property(anyRaised, anyRaised, (known, raised) => {
      const joined = joinRaised(known, raised)
      const all = new Set([...Object.keys(known), ...Object.keys(raised)])
      expect(Object.keys(joined)).toHaveLength(Math.min(ROOM, all.size))
      for (const [name, version] of Object.entries(joined)) expect(version).toBe(Math.max(known[name] ?? 0, raised[name] ?? 0))
    }),
  ))

test('the keys of the newest write win the room there is, then those of the write before', () => {
  const joined = joinRaised(joinRaised(many('a', 20), many('b', 10)), many('c', 10))
  expect(Object.keys(joined).filter((name) => name.startsWith('c'))).toHaveLength(10)
  expect(Object.keys(joined).filter((name) => name.startsWith('b'))).toHaveLength(10)
  expect(Object.keys(joined).filter((name) => name.startsWith('a'))).toHaveLength(4)
})

test('a full token with long keys still fits into a cookie', async () => {
  const raised = Object.fromEntries(
    Array.from({ length: ROOM }, (_, i) => [`au:${1_100_000_000_000_000_000n + BigInt(i)}:public`, 1_000_000]),
  )
  expect((await encodeVersionToken(key, VIEWER, raised, NOW_MS)).length).toBeLessThan(4_000)
})

test.each(['', 'null', '[]', '{"a":0}', '{"a":1.5}', '{"a":"1"}', `{"${'k'.repeat(81)}":1}`])(
  'what the origin raised is parsed: %j is refused',
  (json) => {
    expect(() => parseRaised(json)).toThrow()
  },
)
