import { type Case, clockCases, memoryTierCases } from 'tideline/cache/conformance'
import { expect, test } from 'vitest'
import type { Clock } from '../../../../worker/cache/clock.ts'
import { createMemoryTier, type MemoryTier } from '../../../../worker/cache/memory-tier.ts'
import { clock } from '../../../../worker/runtime.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

test.each(memoryTierCases)('the memory of an isolate: $name', ({ run }) => run({ create: createMemoryTier }))

test.each(clockCases)('the clock of the platform: $name', ({ run }) => run({ clock }))

test.each(clockCases)('the clock of tests: $name', ({ run }) => {
  const virtual = createVirtualClock()
  return run({ clock: virtual, until: virtual.until })
})

/** Is it found out by any of the cases? */
async function isFoundOut<Subject>(cases: readonly Case<Subject>[], subject: Subject): Promise<boolean> {
  const verdicts = await Promise.allSettled(cases.map(({ run }) => run(subject)))
  return verdicts.some(({ status }) => status === 'rejected')
}

/** Of the value: what a memory answers is linked to all the others. */
const copyOf = (held: ReturnType<MemoryTier['get']>) => held && { ...held, value: structuredClone(held.value) }

test.each<[wrong: string, breaks: (tier: MemoryTier) => Partial<MemoryTier>]>([
  ['holds whatever it is given', (tier) => ({ set: (key, held) => tier.set(key, held, 0) })],
  ['keeps what was deleted', () => ({ delete: () => {} })],
  ['keeps what was cleared', () => ({ clear: () => {} })],
  ['hands out copies', (tier) => ({ get: (key) => copyOf(tier.get(key)) })],
  ['takes the first for the best', (tier) => ({ set: (key, held, bytes) => tier.get(key) ?? tier.set(key, held, bytes) })],
])('the suite finds out a memory that %s', async (_, breaks) => {
  function create(maxBytes: number): MemoryTier {
    const tier = createMemoryTier(maxBytes)
    return Object.assign(Object.create(tier) as MemoryTier, breaks(tier))
  }
  expect(await isFoundOut(memoryTierCases, { create })).toBe(true)
})

test.each<[wrong: string, broken: Clock]>([
  ['counts from its own beginning', { ...clock, nowMs: () => performance.now() }],
  ['rejects when it is woken', { ...clock, sleep: (ms, signal) => clock.sleep(ms, signal).then(() => signal?.throwIfAborted()) }],
  ['does not sleep', { ...clock, sleep: async () => {} }],
  ['sleeps 0 at once', { ...clock, sleep: async (ms, signal) => (ms === 0 ? undefined : clock.sleep(ms, signal)) }],
])('the suite finds out a clock that %s', async (_, broken) => {
  expect(await isFoundOut(clockCases, { clock: broken })).toBe(true)
})
