import type { Lifetime, Lifetimes } from './entry.ts'

export type Freshness = 'fresh' | 'early' | 'stale' | 'grace' | 'dead'

/**
 * Classifies an entry at `nowMs`. All times are epoch milliseconds.
 *
 * `early` is X-Fetch (Vattani et al., PVLDB 8(8), 2015): a fresh entry volunteers for refresh, the likelier the
 * nearer its soft expiry and the dearer its load. `u` is uniform in (0, 1]; `beta` above 1 volunteers sooner.
 */
export function freshnessAt(life: Lifetime, nowMs: number, u: number, beta: number): Freshness {
  if (nowMs >= life.graceEndsAtMs) return 'dead'
  if (nowMs >= life.hardExpiresAtMs) return 'grace'
  if (nowMs >= life.softExpiresAtMs) return 'stale'
  const headStartMs = life.deltaMs * beta * -Math.log(u)
  return nowMs + headStartMs >= life.softExpiresAtMs ? 'early' : 'fresh'
}

/** The largest −ln u that 1 − random() can give: u is a multiple of 2^-53. */
const LONGEST_DICE = -Math.log(2 ** -53)

/** A head start is never longer than this (milliseconds): earlier than that before an end no dice need to be thrown. */
export const headStartBoundMs = (deltaMs: number, beta: number): number => deltaMs * beta * LONGEST_DICE

/** TTLs are shortened by up to this share, so that what was filled together does not expire together. */
const JITTER = 0.05

/**
 * The life of a value whose load began at `startedAtMs` and took `tookMs`. Soft and hard end are jittered by the same `u`, uniform in
 * [0, 1], and only downwards: a bound that is stated is never passed. Delta is capped at a quarter of the soft TTL: an overloaded origin would otherwise make everybody refresh early.
 */
export function lifetimeFrom(ttl: Lifetimes, absent: boolean, startedAtMs: number, tookMs: number, u: number): Lifetime {
  const stretch = 1 - JITTER * u
  const softMs = Math.min(ttl.softMs, ttl.hardMs)
  if (absent) {
    const endsAtMs = Math.round(startedAtMs + ttl.absentMs * stretch)
    return { softExpiresAtMs: endsAtMs, hardExpiresAtMs: endsAtMs, graceEndsAtMs: endsAtMs, deltaMs: 0 }
  }
  const hardExpiresAtMs = Math.round(startedAtMs + ttl.hardMs * stretch)
  return {
    softExpiresAtMs: Math.round(startedAtMs + softMs * stretch),
    hardExpiresAtMs,
    graceEndsAtMs: hardExpiresAtMs + ttl.graceMs,
    deltaMs: Math.round(Math.min(tookMs, softMs / 4)),
  }
}
