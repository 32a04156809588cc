import type { Clock } from '../../worker/cache/clock.ts'

/** Time that passes only when a test says so. */
export interface VirtualClock extends Clock {
  /** Lets `ms` pass: every sleep that ends meanwhile ends in order, at its own moment. */
  advance(ms: number): Promise<void>
  /** Lets time pass from one sleep's end to the next until `promise` settles; throws when nothing sleeps any more. */
  until<T>(promise: Promise<T>): Promise<T>
  /** Lets everything run that needs no time. */
  idle(): Promise<void>
  /** Sleeps that have not ended. */
  readonly sleeping: number
}

interface Sleep {
  readonly endsAtMs: number
  readonly end: () => void
}

/** A clock that starts at `startMs` (epoch milliseconds). */
export function createVirtualClock(startMs = 1_763_700_000_000): VirtualClock {
  let nowMs = startMs
  const sleeps = new Set<Sleep>() // in the order they began

  /** An immediate comes after every promise that can settle by itself. */
  const idle = () => new Promise<void>((resolve) => setImmediate(resolve))
  /** Ends what ends first and not after `untilMs`. */
  function step(untilMs: number): boolean {
    let next: Sleep | undefined
    for (const sleep of sleeps) if (!next || sleep.endsAtMs < next.endsAtMs) next = sleep
    if (!next || next.endsAtMs > untilMs) return false
    nowMs = Math.max(nowMs, next.endsAtMs)
    next.end()
    return true
  }

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleep = {
          endsAtMs: nowMs + Math.max(0, ms),
          end() {
            sleeps.delete(sleep)
            signal?.removeEventListener('abort', sleep.end)
            resolve()
          },
        }
        sleeps.add(sleep)
        signal?.addEventListener('abort', sleep.end)
      }),
    async advance(ms) {
      const untilMs = nowMs + ms
      do await idle()
      while (step(untilMs))
      nowMs = untilMs
    },
    async until(promise) {
      let settled = false
      const done = () => {
        settled = true
      }
      promise.then(done, done)
      for (;;) {
        await idle()
        if (settled) return promise
        if (!step(Number.POSITIVE_INFINITY)) throw new Error('nothing is left that could settle it')
      }
    },
    idle,
    get sleeping() {
      return sleeps.size
    },
  }
}
