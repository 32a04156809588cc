import { setTimeout as sleep } from 'node:timers/promises'

/** One look counts as no more than this (milliseconds). */
const MOST_MS = 500

/**
 * Polls until `check` no longer throws, and answers what it answered; at the deadline it throws what `check` threw last. Where the machine stands still what is waited for
 * stands still as well, so a look that takes longer than half a second counts as half a second: a deadline is a number of looks at least.
 */
export async function eventually<T>(check: () => T | Promise<T>, deadlineMs = 30_000, pauseMs = 25): Promise<T> {
  let spentMs = 0
  for (let lookedAtMs = performance.now(); ; ) {
    try {
      return await check()
    } catch (error) {
      const nowMs = performance.now()
      spentMs += Math.min(nowMs - lookedAtMs, MOST_MS)
      lookedAtMs = nowMs
      if (spentMs >= deadlineMs) throw error
      await sleep(pauseMs)
    }
  }
}
