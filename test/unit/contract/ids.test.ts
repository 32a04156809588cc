import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EPOCH_MS, firstIdAt, idSchema, isId, mintedAtMs } from '../../../contract/ids.ts'
import { anyId } from '../../support/arbitrary.ts'

/** The last moment 41 bits can name. */
const LAST_MS = EPOCH_MS + 2 ** 41 - 1
/** Older moments have ids of fewer than 19 digits. */
const FIRST_MS = mintedAtMs('1000000000000000000') + 1
const anyMoment = fc.integer({ min: FIRST_MS, max: LAST_MS })

test('an id is a string of 19 digits that fits into 63 bits', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      expect(isId(id)).toBe(true)
      expect(idSchema.parse(id)).toBe(id)
    }),
  )
  expect(isId('9223372036854775807')).toBe(true)
})

test.each([
  '',
  '1',
  '999999999999999999',
  '0999999999999999999',
  '9223372036854775808',
  '11000000000000000000',
  '1.00000000000000000',
  ' 1100000000000000000',
  '-100000000000000000',
  '1100000000000000000\n',
  '１１００００００００００００００００００',
])('%j is no id', (text) => {
  expect(isId(text)).toBe(false)
  expect(idSchema.safeParse(text).success).toBe(false)
})

test('a number is no id: beyond 2^53 it would be another one', () => {
  expect(idSchema.safeParse(1_100_000_000_000_000_000).success).toBe(false)
})

test('string order is id order', () =>
  fc.assert(
    fc.property(anyId, anyId, (a, b) => {
      expect(a < b).toBe(BigInt(a) < BigInt(b))
    }),
  ))

test('the first id of a moment was minted then, and the one before it earlier', () =>
  fc.assert(
    fc.property(anyMoment, (atMs) => {
      const first = firstIdAt(atMs)
      expect(mintedAtMs(String(first))).toBe(atMs)
      expect(mintedAtMs(String(first - 1n))).toBe(atMs - 1)
      expect(isId(String(first))).toBe(true)
    }),
  ))

test('a watermark before the epoch lies below every id', () => {
  expect(firstIdAt(0)).toBe(0n)
  expect(firstIdAt(EPOCH_MS)).toBe(0n)
})
