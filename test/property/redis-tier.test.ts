import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { decodeValue, encodeValue } from '../../contract/l2/value.ts'
import { createRedisTier } from '../../worker/adapters/redis-tier.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { anyText } from '../support/arbitrary.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const RUNS = process.env.TIDELINE_LONG_TESTS ? 10_000 : 200
const TOKEN = 'secret-of-the-database'
const PREFIX = 'prefix:'
const KEYS = ['key-of-a-viewer', 'key-of-another']
const LEASE_TOKEN = 'token-of-the-lease-22c'
const LIFE = { softExpiresAtMs: 1e12, hardExpiresAtMs: 2e12, graceEndsAtMs: 3e12, deltaMs: 1 }
const POST = 'a post about NOSCRIPT'

interface Reply {
  readonly status: number
  readonly body: string
  /** The connection is reset in the middle of the body. */
  readonly cut: boolean
}
let next: Reply
const asked: string[] = []
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      asked.push(Buffer.concat(chunks).toString())
      const { status, body, cut } = next
      response.writeHead(status, { 'content-length': Buffer.byteLength(body) + (cut ? 1 : 0) })
      if (cut) response.write(body, () => response.socket?.resetAndDestroy())
      else response.end(body)
    })
})
let tier: SharedTier

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  tier = createRedisTier({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: TOKEN,
    prefix: PREFIX,
    deadlineMs: 20_000,
    timeoutSignal: (ms) => AbortSignal.timeout(ms),
    clock: { nowMs: () => 1e12 },
  })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const moment = fc.integer({ min: 0, max: 9_999_999_999_999 })
const anyFramed = fc
  .record({
    softExpiresAtMs: moment,
    hardExpiresAtMs: moment,
    graceEndsAtMs: moment,
    deltaMs: fc.nat(99_999),
    truth: fc.maxSafeNat(),
    stamp: fc.nat(99_999_999),
    tailLength: fc.nat(129),
    payload: fc.option(anyText),
  })
  .map(encodeValue)
/** A framed value with a piece of it replaced. */
const anyBroken = fc
  .tuple(anyFramed, fc.nat(80), anyText)
  .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at + piece.length))
const anyItem = fc.oneof(anyFramed, anyBroken, anyText, fc.constantFrom(null, -1, 0, 1, 2, 3), fc.jsonValue({ maxDepth: 1 }))
const lengths = [1, 2, 4].map((n) => ({ minLength: n, maxLength: n }))
const anyResult = fc.oneof(...lengths.map((length) => fc.array(anyItem, length)), fc.array(anyItem, { maxLength: 5 }), fc.jsonValue())
/** lease and fill: numbers and texts in turn. */
const anyPairs = fc
  .array(fc.tuple(fc.constantFrom(-1, 0, 1, 2, 7), fc.oneof(anyFramed, fc.constant(null))), lengths[1])
  .map((pairs) => pairs.flat())
const anyError = fc.oneof(
  anyText,
  fc.constantFrom(
    'NOSCRIPT No matching script.',
    'ERR max requests limit exceeded. Limit: 500000, Usage: 500000.',
    `ERR unknown command 'evalsha', with args beginning with: '${PREFIX}${KEYS[0]}'`,
  ),
)
const anyBody = fc.oneof(
  fc.oneof(anyResult, anyPairs).map((result) => JSON.stringify({ result })),
  anyError.map((error) => JSON.stringify({ error })),
  fc.json(),
  anyText,
)
const anyReply: fc.Arbitrary<Reply> = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 400, 401, 429, 500, 503),
  body: anyBody,
  cut: fc.nat(9).map((n) => n === 0),
})

const stored = z.strictObject({
  life: z.strictObject({ softExpiresAtMs: z.int(), hardExpiresAtMs: z.int(), graceEndsAtMs: z.int(), deltaMs: z.int() }),
  truth: z.int(),
  stamp: z.int(),
  payload: z.string().nullable(),
})
const forEachKey = <T extends z.ZodType>(item: T) => z.array(item).length(KEYS.length)
const wanted = KEYS.map((key) => ({ key, leastTruth: 0, beatsSoftEndMs: 0, seenSoftEndMs: 0, seenStamp: 0 }))
const values = KEYS.map((key) => ({ key, stored: { life: LIFE, truth: 1, stamp: 0, payload: POST } }))
const calls = [
  [() => tier.read(KEYS), forEachKey(stored.optional())],
  [
    () => tier.lease(wanted, LEASE_TOKEN, 1_000),
    forEachKey(z.strictObject({ state: z.enum(['granted', 'refused', 'fresher']), stored: stored.optional() })),
  ],
  [() => tier.fill(values, LEASE_TOKEN), forEachKey(z.strictObject({ stamp: z.int().positive(), pushed: z.string() }).optional())],
  [() => tier.release(KEYS, LEASE_TOKEN, 1), z.undefined()],
  [() => tier.invalidate(KEYS.map((key) => ({ key, truth: 1 }))), z.undefined()],
] as const

test(`whatever L2 answers, its tier answers what was promised or throws a plain error that tells no secret (SEED=${SEED})`, async () => {
  const property = fc.asyncProperty(anyReply, async (reply) => {
    next = reply
    for (const [call, promised] of calls) {
      asked.length = 0
      const outcome = await call().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      if ('value' in outcome) expect(promised.safeParse(outcome.value)).toMatchObject({ success: true })
      else {
        expect(Object.getPrototypeOf(outcome.error)).toBe(Error.prototype)
        const { message, stack } = outcome.error as Error
        for (const secret of [TOKEN, PREFIX, LEASE_TOKEN, POST, ...KEYS]) expect(`${message} ${stack}`).not.toContain(secret)
      }
      const asksAgain = reply.body.startsWith('{"error":"NOSCRIPT')
      expect(asked.length).toBeLessThanOrEqual(asksAgain ? 2 : 1)
    }
  })
  await fc.assert(property, { seed: SEED, numRuns: RUNS })
}, 600_000)

test('what is read is what was framed, and nothing else', () =>
  fc.assert(
    fc.asyncProperty(fc.oneof(anyFramed, anyBroken), async (text) => {
      next = { status: 200, body: JSON.stringify({ result: [text] }), cut: false }
      const [read] = await tier.read(['key'])
      const framed = decodeValue(JSON.parse(JSON.stringify(text)))
      expect(read?.payload).toBe(framed?.payload)
      expect(read?.truth).toBe(framed?.truth)
    }),
    { seed: SEED, numRuns: RUNS },
  ))
