import { setTimeout as sleep } from 'node:timers/promises'

/** Polls until `check` no longer throws, and answers what it answered; at the deadline it throws what `check` threw last. */
export async function eventually<T>(check: () => T | Promise<T>, deadlineMs = 10_000, pauseMs = 25): Promise<T> {
  const endsAtMs = performance.now() + deadlineMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= endsAtMs) throw error
      await sleep(pauseMs)
    }
  }
}
