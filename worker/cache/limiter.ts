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
}

/** Between two looks for a free place (milliseconds). */
const LOOK_MS = 10

/**
 * Whoever waits looks again by a timer of its own: to be woken by whoever leaves would resolve a promise of another request, which
 * workerd drops (DESIGN §5).
 */
export function createLimiter({ max, waitMs }: LimiterRules, clock: Clock, random: Random): Limiter {
  let running = 0
  return {
    async run(work) {
      const untilMs = clock.nowMs() + waitMs
      while (running >= max) {
        if (clock.nowMs() >= untilMs) throw new Overloaded('too many loads at once')
        await clock.sleep(LOOK_MS * (0.5 + random()))
      }
      running++
      try {
        return await work()
      } finally {
        running--
      }
    },
    get full() {
      return running >= max
    },
  }
}
