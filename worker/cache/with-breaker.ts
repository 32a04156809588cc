import type { Breaker } from './breaker.ts'
import type { SharedTier } from './ports.ts'

/** Thrown in place of a call to a tier that has been failing. */
export class TierUnavailable extends Error {
  override readonly name = 'TierUnavailable'
}

/** A shared tier that is left alone while it is ill. */
export function withBreaker(tier: SharedTier, breaker: Breaker): SharedTier {
  async function guarded<T>(call: () => Promise<T>): Promise<T> {
    if (!breaker.allows()) throw new TierUnavailable('the shared tier has been failing')
    return told(call)
  }
  async function told<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call()
      breaker.succeeded()
      return answer
    } catch (error) {
      breaker.failed()
      throw error
    }
  }
  return {
    deadlineMs: tier.deadlineMs,
    read: (keys) => guarded(() => tier.read(keys)),
    lease: (wanted, token, leaseMs) => guarded(() => tier.lease(wanted, token, leaseMs)),
    release: (keys, token, restMs) => guarded(() => tier.release(keys, token, restMs)),
    fill: (values, token) => guarded(() => tier.fill(values, token)),
    // A reader's call is a convenience; this one is truth, and is tried in any case.
    invalidate: (invalidations) => told(() => tier.invalidate(invalidations)),
  }
}
