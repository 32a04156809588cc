import type { SharedTier } from './ports.ts'

/** A shared tier that knows keys by other names: what is arbitrary stays apart from the names of leases and counters. */
export const withNames = (tier: SharedTier, nameOf: (key: string) => string): SharedTier => {
  const named = <T extends { readonly key: string }>(one: T): T => ({ ...one, key: nameOf(one.key) })
  return {
    deadlineMs: tier.deadlineMs,
    read: (keys) => tier.read(keys.map(nameOf)),
    lease: (wanted, token, leaseMs) => tier.lease(wanted.map(named), token, leaseMs),
    release: (keys, token, restMs) => tier.release(keys.map(nameOf), token, restMs),
    fill: (values, token) => tier.fill(values.map(named), token),
    invalidate: (invalidations) => tier.invalidate(invalidations.map(named)),
  }
}
