import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodePushed } from '../../contract/l2/codec.ts'
import { leaseKeyOf } from '../../contract/l2/keys.ts'
import { TOKEN_LENGTH } from '../../contract/l2/scripts.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import { entryOf, type L2, listOf, PREFIX, type Scripts, scriptsWithout, startL2, tokenOf, tombstone } from '../support/l2.ts'
import { type Cell, filled, invalidated, leased, newLease, pushed, type Value } from '../support/l2-rules.ts'

/** What test/model walks is what Redis does: the same random steps on the rules and on the real scripts, compared after each. */

const SEED = Number(process.env.SEED ?? 20_261_121)
const LOADERS = 2

let l2: L2
beforeAll(async () => {
  l2 = await startL2()
})
afterAll(() => l2?.stop())

let nextKey = 1_200_000_000_000_000_000n

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('lease' as const), loader: fc.nat(LOADERS - 1), least: fc.nat(3), early: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('fill' as const), loader: fc.nat(LOADERS - 1), truth: fc.nat(3), absent: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), count: fc.constantFrom(1, 1, 1, 3, 63, 65) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('invalidate' as const), truth: fc.nat(3), replaced: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lease ends' as const, 'value ends' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A key in Redis, spoken to by the scripts, and the cell that the rules make of it. */
function createBoth(scripts?: Scripts) {
  const key = `tl:${++nextKey}`
  const say = l2.speak(scripts)
  const endsAtMs = Date.now() + 3_600_000
  const life = { softExpiresAtMs: endsAtMs, hardExpiresAtMs: endsAtMs, graceEndsAtMs: endsAtMs, deltaMs: 1 }
  let cell: Cell = { value: undefined, lease: undefined }
  let posts = 0

  const steps = {
    async lease({ loader, least, early }: Extract<Step, { do: 'lease' }>) {
      const seen = {
        leastTruth: least,
        beatsSoftEndMs: early ? endsAtMs : 0,
        seenSoftEndMs: cell.value?.life.softExpiresAtMs ?? 0,
        seenStamp: cell.value?.stamp ?? 0,
      }
      const { state, shown } = leased(cell, seen)
      const answer = await say.lease(key, loader, seen)
      expect([answer.state, answer.value?.stamp]).toEqual([state, shown?.stamp])
      if (state === 'granted') cell = { ...cell, lease: newLease(tokenOf(loader)) }
    },
    async fill({ loader, truth, absent }: Extract<Step, { do: 'fill' }>) {
      const stored: Stored = { life, truth, stamp: 0, payload: absent ? null : listOf([]) }
      const after = filled(cell, stored, tokenOf(loader))
      const { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs } = life
      const ends = { softExpiresAtMs, hardExpiresAtMs, graceEndsAtMs, deltaMs }
      expect(await say.fillText(key, loader, { ...ends, truth, payload: stored.payload })).toEqual(after.filled)
      cell = after.cell
    },
    async push({ count }: Extract<Step, { do: 'push' }>) {
      const numbers = Array.from({ length: count }, () => ++posts)
      await say.push(key, ...numbers)
      for (const number of numbers) cell = pushed(cell, encodePushed(entryOf(number)))
    },
    async invalidate({ truth, replaced }: Extract<Step, { do: 'invalidate' }>) {
      const replacement = replaced ? tombstone(truth) : undefined
      await say.invalidate(key, truth, replacement)
      cell = invalidated(cell, truth, replacement && (await asValue()))
    },
    async 'lease ends'() {
      await l2.expire(leaseKeyOf(key))
      cell = { ...cell, lease: undefined }
    },
    async 'value ends'() {
      await l2.expire(key)
      cell = { ...cell, value: undefined }
    },
  }

  async function asValue(): Promise<Value | undefined> {
    const framed = await l2.read(key)
    if (!framed) return undefined
    const { truth, stamp, tailLength, payload, ...ends } = framed
    return { life: ends, truth, stamp, tail: tailLength, payload }
  }
  async function asLease(): Promise<Cell['lease']> {
    const text = await l2.client.get<string>(PREFIX + leaseKeyOf(key))
    if (text === null) return undefined
    const count = text.slice(TOKEN_LENGTH, TOKEN_LENGTH + 2)
    return { token: text.slice(0, TOKEN_LENGTH), recorded: text.slice(TOKEN_LENGTH + 2), count: count === 'XX' ? 65 : Number(count) }
  }
  return {
    async take(one: Step): Promise<void> {
      await (steps[one.do] as (step: Step) => Promise<void>)(one)
      const { value, lease } = cell
      expect(await asValue()).toEqual(value)
      // Beyond the most it may record a lease only knows that it was too much.
      expect(await asLease()).toEqual(lease && { ...lease, count: Math.min(lease.count, 65) })
    },
  }
}

const stories = (scripts?: Scripts) =>
  fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40, size: 'max' }), async (story) => {
    const both = createBoth(scripts)
    for (const one of story) await both.take(one)
  })

test('the rules that the model walks do what the scripts do in Redis, step by step', async () => {
  await fc.assert(stories(), { seed: SEED, numRuns: 15, endOnFailure: true })
}, 120_000)

test('a script that does otherwise is noticed', async () => {
  const other = scriptsWithout([['push', `redis.call('SETRANGE', lease, '22', 'XX')`, '']])
  const found = await fc.check(stories(other), { seed: SEED, numRuns: 50, endOnFailure: true })
  expect(found.failed, `seed ${SEED}`).toBe(true)
}, 120_000)
