import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue, FRAME, FRAME_LENGTH, type Framed, padMoment, padTruth } from '../../../../contract/l2/value.ts'
import { anyText } from '../../../support/arbitrary.ts'

const moment = fc.nat({ max: 9_999_999_999_999 })
const anyFramed: fc.Arbitrary<Framed> = fc.record({
  softExpiresAtMs: moment,
  hardExpiresAtMs: moment,
  graceEndsAtMs: moment,
  deltaMs: fc.nat({ max: 99_999 }),
  truth: fc.maxSafeNat(),
  stamp: fc.nat({ max: 99_999_999 }),
  tailLength: fc.nat({ max: 999 }),
  payload: fc.option(anyText),
})
const ZERO: Framed = {
  softExpiresAtMs: 0,
  hardExpiresAtMs: 0,
  graceEndsAtMs: 0,
  deltaMs: 0,
  truth: 0,
  stamp: 0,
  tailLength: 0,
  payload: null,
}

test('a value comes back as it was', () =>
  fc.assert(
    fc.property(anyFramed, (value) => {
      expect(decodeValue(encodeValue(value))).toEqual(value)
    }),
  ))

test('an empty payload is a value, not an absence', () => {
  expect(decodeValue(encodeValue({ ...ZERO, payload: '' }))?.payload).toBe('')
  expect(decodeValue(encodeValue(ZERO))?.payload).toBeNull()
})

test('what does not fit its field is held to what does: fields never move', () => {
  const value = encodeValue({ ...ZERO, deltaMs: 1e9, softExpiresAtMs: -1, hardExpiresAtMs: 1.5, stamp: 1e12, payload: 'p' })
  expect(decodeValue(value)).toEqual({ ...ZERO, deltaMs: 99_999, hardExpiresAtMs: 2, stamp: 99_999_999, payload: 'p' })
})

describe('the fields stand where Lua looks for them', () => {
  /** string.sub: from and to count from 1 and are inclusive. */
  const luaSub = (text: string, [from, to]: readonly [number, number]) => text.slice(from - 1, to)
  test('for any value', () =>
    fc.assert(
      fc.property(anyFramed, (value) => {
        const text = encodeValue(value)
        expect(luaSub(text, FRAME.version)).toBe('2')
        expect(luaSub(text, FRAME.soft)).toBe(padMoment(value.softExpiresAtMs))
        expect(luaSub(text, FRAME.truth)).toBe(padTruth(value.truth))
        expect(luaSub(text, FRAME.stamp)).toBe(String(value.stamp).padStart(8, '0'))
        expect(luaSub(text, FRAME.tail)).toBe(String(value.tailLength).padStart(3, '0'))
        expect(luaSub(text, FRAME.leased)).toBe('0')
        expect(luaSub(text, FRAME.presence)).toBe(value.payload === null ? '-' : '+')
        expect(FRAME.presence[1]).toBe(FRAME_LENGTH)
        expect(text.slice(FRAME_LENGTH)).toBe(value.payload ?? '')
      }),
    ))

  test('compared as strings, truths and moments keep their order', () =>
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), moment, moment, (a, b, c, d) => {
        expect(padTruth(a) < padTruth(b)).toBe(a < b)
        expect(padMoment(c) < padMoment(d)).toBe(c < d)
      }),
    ))
})

describe('what is no value is a miss', () => {
  const whole = encodeValue({ ...ZERO, softExpiresAtMs: 1_763_700_000_000, payload: 'payload' })

  test('cut short anywhere in its frame', () => {
    for (let length = 0; length < FRAME_LENGTH; length++) expect(decodeValue(whole.slice(0, length))).toBeUndefined()
  })

  test('with another character than a digit anywhere in its frame', () => {
    for (let at = 0; at < FRAME_LENGTH; at++) {
      for (const other of ['x', ' ', '.', 'e', '~', 'é'])
        expect(decodeValue(whole.slice(0, at) + other + whole.slice(at + 1)), `${other} at ${at}`).toBeUndefined()
    }
  })

  test('of an unknown version', () => {
    for (const version of ['0', '1', '9']) expect(decodeValue(version + whole.slice(1))).toBeUndefined()
  })

  test('garbage, whatever it is', () =>
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ minLength: 60, maxLength: 100 })), (text) => {
        expect(decodeValue(text)).toBeUndefined()
      }),
    ))
})
