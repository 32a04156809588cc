import { ailingTierCases, sharedTierCases } from 'tideline/cache/conformance'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBreaker } from '../../worker/cache/breaker.ts'
import { NO_SHARED_TIER } from '../../worker/cache/no-shared-tier.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { withBreaker } from '../../worker/cache/with-breaker.ts'
import { withNames } from '../../worker/cache/with-names.ts'
import { SHARED_TIERS, type Subject } from '../support/shared-tiers.ts'

describe.each(SHARED_TIERS)('the shared tier %s', (name, start) => {
  let subject: Subject
  beforeAll(async () => {
    subject = await start()
  })
  afterAll(() => subject?.stop())

  // Virtual time is one for all; what waits for real time waits together.
  const tests = name === 'in memory' ? test : test.concurrent

  tests.each(sharedTierCases)('$name', ({ run }) => run(subject))

  tests('whatever its server is ill of, each call rejects in time, and afterwards all is well', async () => {
    const { tier, ways } = subject.ailing
    for (const { run } of ailingTierCases) for (const ail of Object.values(ways)) await run({ tier, ail })
  })
})

/** What stands before a tier; which one that is, is all one to it. */
const WRAPPERS: readonly (readonly [string, (tier: SharedTier, clock: { nowMs(): number }) => SharedTier])[] = [
  ['a breaker', (tier, clock) => withBreaker(tier, createBreaker({ failures: 5, openMs: 1_000 }, clock))],
  ['other names for its keys', (tier) => withNames(tier, (key) => `v:${key}`)],
]

describe.each(WRAPPERS)('the shared tier behind %s', (_, wrap) => {
  test.each(sharedTierCases)('$name', async ({ run }) => {
    const [, startInMemory] = SHARED_TIERS[0]
    const { tier, nowMs, pass } = await startInMemory()
    await run({ tier: wrap(tier, { nowMs }), nowMs, pass })
  })
})

const KEEPS_NOTHING = 'it keeps nothing'
const GRANTS_ALL = 'it grants every lease: there is nobody to share the load with'
/** What a cache without a shared tier does not need of it. */
const GAPS: Readonly<Record<string, string>> = {
  'read answers for each key what is stored, in order, and nothing for the rest': KEEPS_NOTHING,
  'read brings back a long value and a strange key as they were': KEEPS_NOTHING,
  'lease: one of many gets it, each key for itself': GRANTS_ALL,
  'lease: its holder does not get it twice': GRANTS_ALL,
  'lease: it runs out': GRANTS_ALL,
  'lease: a value with a later soft end is fresher, no load is wanted': KEEPS_NOTHING,
  'lease: a value below the least truth is not fresher, but is answered along': KEEPS_NOTHING,
  'lease: what the reader has seen already is not sent again, another stamp is': GRANTS_ALL,
  'release lets the next one have the lease after a rest, not before': GRANTS_ALL,
  'release is the holder’s alone, for each key': GRANTS_ALL,
  'release leaves the value as it is': KEEPS_NOTHING,
  'fill is the holder’s alone, and once': GRANTS_ALL,
  'fill keeps every end, delta and truth, and raises the stamp': KEEPS_NOTHING,
  'fill is judged for each key': GRANTS_ALL,
  'fill is refused below a truth that is stored, and gives its lease back': KEEPS_NOTHING,
  'invalidate drops an older truth and voids the lease: a slow fill is refused': GRANTS_ALL,
  'invalidate voids the lease of a key that has no value': GRANTS_ALL,
  'invalidate leaves a truth that is as new, but voids the lease': KEEPS_NOTHING,
}

describe('the shared tier of a cache that has none', () => {
  test.each(sharedTierCases)('$name', async ({ name, run }) => {
    const done = run({ tier: NO_SHARED_TIER })
    if (name in GAPS) await expect(done, GAPS[name]).rejects.toThrow()
    else await done
  })

  test('its gaps are cases of the suite', () => {
    expect(sharedTierCases.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(GAPS)))
  })
})
