import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cursor, decodeCursor, decodeGap, encodeCursor, encodeGap, type Gap } from '../../../contract/cursor.ts'
import { importKey, seal, toBase64Url } from '../../../contract/signed.ts'
import { anyId, anyText } from '../../support/arbitrary.ts'

const FEED = 'following'
const VIEWER = '1100000000000000001'
const CURSOR: Cursor = { last: '1500000000000000001', anchor: '1500000000000000009', sum: 123_456 }
const key = await importKey('a secret of this test')
const text = await encodeCursor(key, FEED, VIEWER, CURSOR)
const anyCursor = fc.record({ last: anyId, anchor: anyId, sum: fc.maxSafeNat(), until: anyId }, { requiredKeys: ['last', 'anchor', 'sum'] })
const GAP: Gap = { below: CURSOR.anchor, above: CURSOR.last, anchor: CURSOR.anchor }

test('a cursor comes back as it was, for any position', () =>
  fc.assert(
    fc.asyncProperty(anyCursor, async (cursor) => {
      expect(await decodeCursor(key, FEED, VIEWER, await encodeCursor(key, FEED, VIEWER, cursor))).toEqual(cursor)
    }),
    { numRuns: 50 },
  ))

test('a cursor needs no escaping in a URL', () => {
  expect(encodeURIComponent(text)).toBe(text)
})

test('a truncated cursor is refused, at every length', async () => {
  for (let length = 0; length < text.length; length++) expect(await decodeCursor(key, FEED, VIEWER, text.slice(0, length))).toBeUndefined()
})

test('a cursor with one other character is refused, at every place', async () => {
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'A' ? 'B' : 'A'
    expect(await decodeCursor(key, FEED, VIEWER, text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined()
  }
})

test('a cursor is of no use to another viewer, on another feed, or under another secret', async () => {
  expect(await decodeCursor(key, FEED, '1100000000000000002', text)).toBeUndefined()
  expect(await decodeCursor(key, 'author:1100000000000000002', VIEWER, text)).toBeUndefined()
  expect(await decodeCursor(await importKey('another secret'), FEED, VIEWER, text)).toBeUndefined()
})

test('a forged cursor is refused: a payload with a signature of other text, or none', async () => {
  const [, signature] = text.split('.')
  const forged = toBase64Url(new TextEncoder().encode(JSON.stringify({ v: 1, ...CURSOR, last: '1500000000000000008' })))
  for (const attempt of [`${forged}.${signature}`, `${forged}.`, forged, `.${signature}`, `${text}.`, `${text}.${signature}`]) {
    expect(await decodeCursor(key, FEED, VIEWER, attempt)).toBeUndefined()
  }
})

test.each([
  { ...CURSOR, v: 2 },
  { ...CURSOR },
  { ...CURSOR, v: 1, last: '1' },
  { ...CURSOR, v: 1, sum: -1 },
  { ...CURSOR, v: 1, sum: 0.5 },
  { ...CURSOR, v: 1, more: true },
  null,
  [[]],
])('a signed payload that is no cursor of this version is refused: %j', async (payload) => {
  expect(await decodeCursor(key, FEED, VIEWER, await seal(key, `cursor:${FEED}:${VIEWER}`, JSON.stringify(payload)))).toBeUndefined()
})

test('no text at all makes it throw', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anyText,
        fc.string(),
        fc.tuple(fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
      ),
      async (garbage) => {
        expect(await decodeCursor(key, FEED, VIEWER, garbage)).toBeUndefined()
      },
    ),
    { numRuns: 200 },
  ))

test('a gap comes back as it was, to its viewer and feed only, and is no position', async () => {
  const sealed = await encodeGap(key, FEED, VIEWER, GAP)
  expect(await decodeGap(key, FEED, VIEWER, sealed)).toEqual(GAP)
  expect(await decodeGap(key, FEED, '1100000000000000002', sealed)).toBeUndefined()
  expect(await decodeGap(key, 'another', VIEWER, sealed)).toBeUndefined()
  expect(await decodeCursor(key, FEED, VIEWER, sealed)).toBeUndefined()
  expect(await decodeGap(key, FEED, VIEWER, text)).toBeUndefined()
})
