import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SIGNATURE_LIFE_MS, signRequest, verifyRequest } from '../../../contract/signature.ts'
import { importKey } from '../../../contract/signed.ts'
import { anyText } from '../../support/arbitrary.ts'

const NOW_MS = 1_763_700_000_000
const key = await importKey('a secret of edge and origin')
const bytes = (text: string) => new TextEncoder().encode(text)
const REQUEST = { method: 'POST', target: '/v1/posts?dry=1', body: bytes('{"text":"hello"}') }
const CALLER = { userId: '1100000000000000001' }
const header = await signRequest(key, REQUEST, CALLER, NOW_MS)

test.each([CALLER, { service: true }, { userId: '1100000000000000001', service: true }, {}])(
  'the caller travels with the signature: %j',
  async (caller) => {
    expect(await verifyRequest(key, REQUEST, await signRequest(key, REQUEST, caller, NOW_MS), NOW_MS)).toEqual(caller)
  },
)

test('a request without a body is signed as well', async () => {
  const request = { method: 'DELETE', target: '/v1/posts/1100000000000000001', body: bytes('') }
  expect(await verifyRequest(key, request, await signRequest(key, request, CALLER, NOW_MS), NOW_MS)).toEqual(CALLER)
})

test.each([
  ['body', { body: bytes('{"text":"hullo"}') }],
  ['empty body', { body: bytes('') }],
  ['path', { target: '/v1/posts/2?dry=1' }],
  ['query', { target: '/v1/posts?dry=0' }],
  ['method', { method: 'PUT' }],
])('a signature is of no use with another %s', async (_, change) => {
  expect(await verifyRequest(key, { ...REQUEST, ...change }, header, NOW_MS)).toBeUndefined()
})

test('a signature lives as long as stated, and not a millisecond longer', async () => {
  expect(await verifyRequest(key, REQUEST, header, NOW_MS + SIGNATURE_LIFE_MS - 1)).toEqual(CALLER)
  expect(await verifyRequest(key, REQUEST, header, NOW_MS + SIGNATURE_LIFE_MS)).toBeUndefined()
})

test('the clocks of edge and origin may differ by the life of a signature, not by more', async () => {
  expect(await verifyRequest(key, REQUEST, header, NOW_MS - SIGNATURE_LIFE_MS)).toEqual(CALLER)
  expect(await verifyRequest(key, REQUEST, header, NOW_MS - SIGNATURE_LIFE_MS - 1)).toBeUndefined()
})

test('another secret, no header or any garbage names no caller and throws nothing', async () => {
  expect(await verifyRequest(await importKey('another secret'), REQUEST, header, NOW_MS)).toBeUndefined()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anyText,
        fc.nat({ max: header.length - 1 }).map((length) => header.slice(0, length)),
      ),
      async (garbage) => {
        expect(await verifyRequest(key, REQUEST, garbage, NOW_MS)).toBeUndefined()
      },
    ),
  )
})
