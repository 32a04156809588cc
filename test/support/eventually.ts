import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Polls until `check` no longer throws, and answers what it answered. It throws what a check threw that began behind the deadline: one
 * before may have looked before this process was paused.
 */
export async function eventually<T>(check: () => T | Promise<T>, deadlineMs = 30_000, pauseMs = 25): Promise<T> {
  const endsAtMs = performance.now() + deadlineMs
  for (;;) {
    const isLast = performance.now() >= endsAtMs
    try {
      return await check()
    } catch (error) {
      if (isLast) throw error
      await sleep(pauseMs)
    }
  }
}
