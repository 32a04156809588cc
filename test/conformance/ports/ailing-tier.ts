import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SharedTier } from '../../../worker/cache/ports.ts'
import type { Case } from './case.ts'
import { speak } from './words.ts'

export interface AilingTierSubject {
  readonly tier: SharedTier
  /** From now on no call reaches its server, which fails or answers nobody, until the returned function is called. */
  ail(): () => void
}

/** How late a call may be heard of on a crowded machine (milliseconds). */
const LATE_MS = 20_000

/** What such a tier must do while its server is ill: run it once for each way in which that can be. */
export const ailingTierCases: readonly Case<AilingTierSubject>[] = [
  {
    name: 'each call rejects, and in time: an error is no miss, no lease and no fill',
    async run({ tier, ail }) {
      const { keyOf, tokenOf, wantedOf, storedOf } = speak({ tier })
      const key = keyOf('a')
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        read: () => tier.read([key]),
        lease: () => tier.lease([wantedOf('a')], tokenOf(1), 1_000),
        release: () => tier.release([key], tokenOf(1), 1),
        fill: () => tier.fill([{ key, stored: storedOf('A') }], tokenOf(1)),
        invalidate: () => tier.invalidate([{ key, truth: 1 }]),
      }
      const heal = ail()
      const enough = new AbortController()
      const late = sleep(tier.deadlineMs + LATE_MS, 'hangs', { signal: enough.signal }).catch(() => 'enough')
      try {
        const verdicts = Object.entries(calls).map(async ([name, call]) => {
          const verdict = call().then(
            () => 'answers',
            () => 'rejects',
          )
          return `${name} ${await Promise.race([verdict, late])}`
        })
        assert.deepEqual(
          await Promise.all(verdicts),
          Object.keys(calls).map((name) => `${name} rejects`),
        )
      } finally {
        heal()
        enough.abort()
      }
    },
  },
  {
    name: 'when its server is well again, so is the tier, and what was refused has left nothing',
    async run({ tier, ail }) {
      const { put, read, stateOf, fill, storedOf } = speak({ tier })
      const stored = await put('a', 'A')
      const heal = ail()
      await stateOf('b', 1).catch(() => {})
      heal()
      assert.deepEqual(await read('a'), stored)
      assert.equal(await stateOf('b', 2), 'granted')
      assert.deepEqual(await fill('b', 2, storedOf('B')), { stamp: 1, pushed: '' })
    },
  },
]
