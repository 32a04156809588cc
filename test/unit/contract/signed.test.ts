import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64Url, importKey, seal, toBase64Url, unseal } from '../../../contract/signed.ts'

const key = await importKey('a secret of this test')

test('what was sealed comes back, for any well-formed text and purpose', () =>
  fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), async (purpose, payload) => {
      expect(await unseal(key, purpose, await seal(key, purpose, payload))).toBe(payload)
    }),
    { numRuns: 50 },
  ))

test('text sealed for one purpose is refused for every other', async () => {
  const sealed = await seal(key, 'cursor:following:1', '{"a":1}')
  for (const purpose of ['', 'cursor:following:2', 'version:1', 'cursor:following:1\n'])
    expect(await unseal(key, purpose, sealed)).toBeUndefined()
})

test('another secret signs otherwise', async () => {
  expect(await unseal(await importKey('another secret'), 'p', await seal(key, 'p', 'text'))).toBeUndefined()
})

test('while a secret is rotated the current one signs, and what either signed is believed', async () => {
  const [older, newer] = [await importKey('older'), await importKey('newer')]
  const rotating = await importKey('newer', 'older')
  for (const key of [older, newer]) expect(await unseal(rotating, 'p', await seal(key, 'p', 'text'))).toBe('text')
  expect(await unseal(newer, 'p', await seal(rotating, 'p', 'text'))).toBe('text')
  expect(await unseal(older, 'p', await seal(rotating, 'p', 'text'))).toBeUndefined()
  expect(await unseal(rotating, 'p', await seal(key, 'p', 'text'))).toBeUndefined()
})

test('a payload that is no UTF-8 is refused', async () => {
  const [, signature] = (await seal(key, 'p', 'text')).split('.')
  expect(await unseal(key, 'p', `${toBase64Url(Uint8Array.of(0xff, 0xfe))}.${signature}`)).toBeUndefined()
})

test('bytes come back from base64url, which agrees with that of Node', () =>
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = toBase64Url(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64url'))
      expect(fromBase64Url(text)).toEqual(new Uint8Array(bytes))
    }),
  ))

test('only the one canonical form of base64url is read: nobody makes a second text of the same signature', () => {
  for (const text of ['A', 'AA==', 'AB', 'AAB', 'A+', 'A/', 'A A', 'AAAA\n', 'é', 'AAAAA'])
    expect(fromBase64Url(text), text).toBeUndefined()
  expect(fromBase64Url('AA')).toEqual(Uint8Array.of(0))
})
