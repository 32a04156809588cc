import { expect, test } from 'vitest'
import type { Setup } from '../cache-worker/setup.ts'
import type { World } from './world.ts'

/** What a cache promises wherever it runs, told with real requests; it throws where the promise is broken. */
export interface Case {
  readonly promise: string
  /** Is told under `wrangler dev` as well, which is slow. */
  readonly smoke?: true
  /** It keeps the isolate busy: others would feel it. */
  readonly alone?: true
  readonly story: (world: World, setup: Partial<Setup>) => Promise<void>
  /** A protection that the promise hangs on, and what is seen where it is switched off. */
  readonly without?: readonly [protection: NonNullable<Setup['switchedOff']>[number], shows: RegExp]
}

/** Makes tests of cases: many at once, for most of them wait. */
export function testCases(world: () => World, cases: readonly Case[]): void {
  for (const { promise, alone = false, story, without } of cases) {
    test(promise, { concurrent: !alone }, () => story(world(), {}))
    if (!without) continue
    const [protection, shows] = without
    test.concurrent(`${promise} (without ${protection}: not so)`, async () => {
      await expect(story(world(), { switchedOff: [protection] })).rejects.toThrow(shows)
    })
  }
}
