import type { Clock, Random } from './clock.ts'
import { Overloaded } from './ports.ts'

/** A bulkhead: so much work at once, a short wait for the rest, then a refusal. */
export interface Limiter {
  run<T>(work: () => Promise<T>): Promise<T>
  readonly full: boolean
}

export interface LimiterRules {
  readonly max: number
  /** How long work waits for a place (milliseconds). */
  readonly waitMs: number
  /** Work that has run for longer is dead and no longer counts (milliseconds): its request may have been ended without a word. */
  readonly holdMs: number
}

/** Between two looks for a free place (milliseconds). */
const LOOK_MS = 10

/**
 * Whoever waits looks again by a timer of its own: to be woken by whoever leaves would resolve a promise of another request, which
 * workerd drops (docs/architecture.md, Isolates).
 */
export function createLimiter({ max, waitMs, holdMs }: LimiterRules, clock: Clock, random: Random): Limiter {
  const running = new Set<{ readonly startedAtMs: number }>()
  function isFull(): boolean {
    if (running.size < max) return false
    for (const work of running) if (clock.nowMs() - work.startedAtMs > holdMs) running.delete(work)
    return running.size >= max
  }
  return {
    async run(work) {
      const untilMs = clock.nowMs() + waitMs
      while (isFull()) {
        if (clock.nowMs() >= untilMs) throw new Overloaded('too many loads at once')
        await clock.sleep(LOOK_MS * (0.5 + random()))
      }
      const place = { startedAtMs: clock.nowMs() }
      running.add(place)
      try {
        return await work()
      } finally {
        running.delete(place)
      }
    },
    get full() {
      return isFull()
    },
  }
}
