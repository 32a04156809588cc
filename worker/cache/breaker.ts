import type { Clock } from './clock.ts'

/** The ill are not called: after some failures in a row everything fails at once for a while, then one call tries. */
export interface Breaker {
  /** May this call be made? While half open, one may. */
  allows(): boolean
  succeeded(): void
  failed(): void
  readonly open: boolean
  /** Open, and it is time that somebody tries. */
  readonly halfOpen: boolean
}

export interface BreakerRules {
  /** Failures in a row that open it. */
  readonly failures: number
  /** Milliseconds until one call may try again. */
  readonly openMs: number
}

/**
 * Where nobody has tried for so many open times the isolate was idle, and what it knows of the tier is old: it is closed until the next
 * failure. Else the first readers after an outage that ended long ago would be served from memory, however old, unasked.
 */
const FORGETS_AFTER = 3

export function createBreaker({ failures, openMs }: BreakerRules, clock: Pick<Clock, 'nowMs'>): Breaker {
  let failed = 0
  let retryAtMs = 0
  const isOpen = (): boolean => failed >= failures && clock.nowMs() < retryAtMs + (FORGETS_AFTER - 1) * openMs
  return {
    allows() {
      if (!isOpen()) return true
      if (clock.nowMs() < retryAtMs) return false
      retryAtMs = clock.nowMs() + openMs // the one who tries; the next one a while later, should it never report
      return true
    },
    succeeded() {
      failed = 0
    },
    failed() {
      failed++
      if (failed >= failures) retryAtMs = clock.nowMs() + openMs
    },
    get open() {
      return isOpen()
    },
    get halfOpen() {
      return isOpen() && clock.nowMs() >= retryAtMs
    },
  }
}
