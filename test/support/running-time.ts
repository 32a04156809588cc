import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds between two looks at the clock; a longer gap is a pause from here on. */
const TICK_MS = 50
const PAUSED_FROM_MS = 250

let lastMs = performance.now()
let pausedMs = 0
setInterval(runningMs, TICK_MS).unref()

/**
 * A monotonic clock that stands still while this process is paused, in which the origin and the façade of a stack run as well (milliseconds).
 * What is promised within seconds is promised of a machine that runs.
 */
export function runningMs(): number {
  const nowMs = performance.now()
  if (nowMs - lastMs > PAUSED_FROM_MS) pausedMs += nowMs - lastMs - TICK_MS
  lastMs = nowMs
  return nowMs - pausedMs
}

/** Thrown by a check that says nothing of a promise: an answer that calls itself degraded, say. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
}

/** Polls until `check` no longer throws, and answers what it answered. It throws what a check threw that began when the promised time was over. */
export async function within<T>(promisedMs: number, check: () => T | Promise<T>): Promise<T> {
  const endsAtMs = runningMs() + promisedMs
  for (;;) {
    const isLate = runningMs() >= endsAtMs
    try {
      return await check()
    } catch (error) {
      if (isLate && !(error instanceof Undecided)) throw error
      await sleep(TICK_MS / 2)
    }
  }
}
