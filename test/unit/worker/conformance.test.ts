import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ailingTierCases, sharedTierCases } from 'tideline/cache/conformance'
import { describe, expect, test } from 'vitest'
import { createMapTier } from '../../../docs/examples/own-tier/tier.ts'
import type { SharedTier } from '../../../worker/cache/ports.ts'
import { ROOT } from '../../support/docs/project.ts'

test('docs/cache.md’s own tier passes all of it, by Node alone', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--test', '--test-reporter=tap', 'docs/examples/own-tier/conformance.ts'],
    {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
    },
  )
  expect(stdout).toContain(`# pass ${sharedTierCases.length}\n`)
})

/** What is wrong with a tier, and a case that finds out. */
const BROKEN: readonly (readonly [wrong: string, foundBy: string, breaks: (tier: SharedTier) => Partial<SharedTier>])[] = [
  [
    'answers in an order of its own',
    'read answers for each key what is stored, in order, and nothing for the rest',
    (tier) => ({ read: async (keys) => (await tier.read(keys)).reverse() }),
  ],
  [
    'makes values live longer',
    'a value is gone when its grace has ended',
    (tier) => ({
      fill: (loaded, token) =>
        tier.fill(
          loaded.map(({ key, stored }) => ({ key, stored: { ...stored, life: { ...stored.life, graceEndsAtMs: 9_999_999_999_999 } } })),
          token,
        ),
    }),
  ],
  [
    'grants every lease',
    'lease: one of many gets it, each key for itself',
    (tier) => ({
      lease: async (wanted, token, leaseMs) =>
        (await tier.lease(wanted, token, leaseMs)).map((answer) => ({ ...answer, state: 'granted' as const })),
    }),
  ],
  ['grants no lease a second time', 'lease: it runs out', (tier) => ({ lease: (wanted, token) => tier.lease(wanted, token, 3_600_000) })],
  [
    'does not rest',
    'release lets the next one have the lease after a rest, not before',
    (tier) => ({ release: (keys, token) => tier.release(keys, token, 0) }),
  ],
  ['forgets to release', 'release is the holder’s alone, for each key', () => ({ release: async () => {} })],
  [
    'takes a fill from anybody',
    'fill is the holder’s alone, and once',
    (tier) => ({
      async fill(loaded, token) {
        const wanted = { leastTruth: 0, beatsSoftEndMs: 9_999_999_999_999, seenSoftEndMs: 0, seenStamp: 0 }
        await tier.lease(
          loaded.map(({ key }) => ({ key, ...wanted })),
          token,
          1_000,
        )
        return tier.fill(loaded, token)
      },
    }),
  ],
  [
    'lets old truth be written over new',
    'fill is refused below a truth that is stored, and gives its lease back',
    (tier) => ({
      fill: (loaded, token) =>
        tier.fill(
          loaded.map(({ key, stored }) => ({ key, stored: { ...stored, truth: 9 } })),
          token,
        ),
    }),
  ],
  [
    'does not invalidate',
    'invalidate drops an older truth and voids the lease: a slow fill is refused',
    () => ({ invalidate: async () => {} }),
  ],
  [
    'invalidates values and leaves leases', // the race between a delete and a slow fill
    'invalidate voids the lease of a key that has no value',
    (tier) => ({
      async invalidate(invalidations) {
        const stored = await tier.read(invalidations.map(({ key }) => key))
        await tier.invalidate(invalidations.filter((_, i) => stored[i]))
      },
    }),
  ],
]

describe('the suite finds out a tier that', () => {
  test.each(BROKEN)('%s', async (_, foundBy, breaks) => {
    let nowMs = Date.now()
    const tier = createMapTier(() => nowMs)
    const clock = {
      nowMs: () => nowMs,
      async pass(ms: number) {
        nowMs += ms
      },
    }
    const found = sharedTierCases.find(({ name }) => name === foundBy)
    await found?.run({ tier, ...clock })
    await expect(found?.run({ tier: { ...tier, ...breaks(tier) }, ...clock })).rejects.toThrow()
  })
})

describe('while its server is ill, the suite', () => {
  let isIll = false
  function ail(): () => void {
    isIll = true
    return () => {
      isIll = false
    }
  }
  async function meet(): Promise<void> {
    if (isIll) throw new Error('the server is down')
  }
  const tier = createMapTier()
  const honest: SharedTier = {
    deadlineMs: 0,
    read: (keys) => meet().then(() => tier.read(keys)),
    lease: (wanted, token, leaseMs) => meet().then(() => tier.lease(wanted, token, leaseMs)),
    release: (keys, token, restMs) => meet().then(() => tier.release(keys, token, restMs)),
    fill: (loaded, token) => meet().then(() => tier.fill(loaded, token)),
    invalidate: (invalidations) => meet().then(() => tier.invalidate(invalidations)),
  }
  const verdictsOn = async (subject: SharedTier): Promise<string[]> => {
    const verdicts: string[] = []
    for (const { run } of ailingTierCases) {
      verdicts.push(
        await run({ tier: subject, ail }).then(
          () => 'passes',
          () => 'fails',
        ),
      )
    }
    return verdicts
  }

  test('passes one that says so', async () => {
    expect(await verdictsOn(honest)).toEqual(['passes', 'passes'])
  })

  test('finds out one whose errors are misses', async () => {
    const missing: SharedTier = { ...honest, read: (keys) => honest.read(keys).catch(() => keys.map(() => undefined)) }
    expect(await verdictsOn(missing)).toEqual(['fails', 'passes'])
  })

  test('finds out one that grants a lease and then says that it failed', async () => {
    const late: SharedTier = { ...honest, lease: (wanted, token, leaseMs) => tier.lease(wanted, token, leaseMs).finally(meet) }
    expect(await verdictsOn(late)).toEqual(['passes', 'fails'])
  })
})
