import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_PUSHED_ENTRIES, MAX_PUSHED_KEYS } from '../../../../contract/l2/calls.ts'
import { keyOf } from '../../../../contract/l2/keys.ts'
import { type Chunk, idsIn } from '../../../../origin/db/chunks.ts'
import { type PushCall, pushCallsOf } from '../../../../origin/fanout/push-calls.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const FIRST = 1_100_000_000_000_000_000n

function chunkOf({ viewers, first }: { viewers: number; first: boolean }, i: number): Chunk {
  const entry = { activityId: String(FIRST + BigInt(i)), actorId: String(FIRST), audience: 'public' as const }
  return {
    entry,
    afterViewer: first ? 0n : 1n,
    viewers: Array.from({ length: viewers }, (_, viewer) => FIRST + BigInt(viewer)).join(''),
  }
}
const keysOf = (chunks: readonly Chunk[], { from, to, deliveries }: PushCall) =>
  deliveries.flatMap((one) => {
    expect(from + one.entry).toBeLessThan(to)
    const keys = 'key' in one ? [one.key] : idsIn(one.viewers).map(keyOf.timeline)
    return keys.map((key) => `${key} ${chunks[from + one.entry]?.entry.activityId}`)
  })

test('every key of every chunk is in one call, in order, in as few calls as can be', () => {
  const shapes = fc.array(
    fc.record({ viewers: fc.oneof(fc.nat(3), fc.constantFrom(998, 999, 1_000, 1_001, 2_500)), first: fc.boolean() }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(shapes, (found) => {
      const chunks = found.map(chunkOf)
      const all = chunks.flatMap(({ entry, afterViewer, viewers }) =>
        [...(afterViewer === 0n ? [keyOf.author(entry.actorId, 'public')] : []), ...idsIn(viewers).map(keyOf.timeline)].map(
          (key) => `${key} ${entry.activityId}`,
        ),
      )
      const calls = pushCallsOf(chunks).map((call) => keysOf(chunks, call))
      expect(calls.flat()).toEqual(all)
      expect(calls).toHaveLength(Math.ceil(all.length / MAX_PUSHED_KEYS))
      for (const keys of calls) expect(keys.length).toBeLessThanOrEqual(MAX_PUSHED_KEYS)
    }),
    { seed: SEED, numRuns: 50 },
  )
})

test('a call carries no more entries than their places have digits for', () => {
  const chunks = Array.from({ length: 2_000 }, (_, i) => chunkOf({ viewers: 1, first: false }, i))
  expect(pushCallsOf(chunks).map(({ from, to }) => to - from)).toEqual([MAX_PUSHED_ENTRIES, MAX_PUSHED_ENTRIES, 2])
})

test('no keys, no call', () => {
  expect(pushCallsOf([chunkOf({ viewers: 0, first: false }, 0)])).toEqual([])
})
