import { expect, test } from 'vitest'
import { type L2, type Protocol, scriptsWithout } from './l2.ts'

/** Protections taken away: pieces of scripts and what stands there instead; and what a story then says. */
export interface Twin {
  readonly without: string
  readonly rules: Parameters<typeof scriptsWithout>[0]
  readonly shows: RegExp
}

export interface Promised {
  readonly promise: string
  /** Tells an interleaving, and throws in the words of the promise it breaks where something is lost or comes back. */
  readonly story: (say: Protocol) => Promise<void>
  readonly twins: readonly Twin[]
}

/** Makes tests of promises: each story holds with the scripts as they are, and shows the loss without each of its protections. */
export function testPromises(l2: () => L2, promises: readonly Promised[]): void {
  for (const { promise, story, twins } of promises) {
    test(promise, () => story(l2().speak()))
    for (const { without, rules, shows } of twins) {
      test(`${promise} (without ${without}: not so)`, async () => {
        await expect(story(l2().speak(scriptsWithout(rules)))).rejects.toThrow(shows)
      })
    }
  }
}
