import type { SharedTier, Stored } from 'tideline/cache/conformance'

/** A shared tier in a Map. It serves one process alone: what it is good for is to show all that a tier has to do. */
export function createMapTier(nowMs: () => number = () => Date.now()): SharedTier {
  const values = new Map<string, Stored>()
  const leases = new Map<string, { readonly token: string; readonly endsAtMs: number }>()
  function storedAt(key: string): Stored | undefined {
    const stored = values.get(key)
    return stored && stored.life.graceEndsAtMs > nowMs() ? stored : undefined
  }
  function holderOf(key: string): string | undefined {
    const lease = leases.get(key)
    return lease && lease.endsAtMs > nowMs() ? lease.token : undefined
  }
  return {
    deadlineMs: 0, // no call takes any time
    read: async (keys) => keys.map(storedAt),
    lease: async (wanted, token, leaseMs) =>
      wanted.map(({ key, leastTruth, beatsSoftEndMs, seenSoftEndMs, seenStamp }) => {
        const stored = storedAt(key)
        if (stored && stored.truth >= leastTruth && stored.life.softExpiresAtMs > beatsSoftEndMs) return { state: 'fresher', stored }
        const isKnown = stored?.life.softExpiresAtMs === seenSoftEndMs && stored.stamp === seenStamp
        const state = holderOf(key) ? 'refused' : 'granted'
        if (state === 'granted') leases.set(key, { token, endsAtMs: nowMs() + leaseMs })
        return { state, stored: isKnown ? undefined : stored }
      }),
    async release(keys, token, restMs) {
      for (const key of keys) if (holderOf(key) === token) leases.set(key, { token, endsAtMs: nowMs() + restMs })
    },
    fill: async (loaded, token) =>
      loaded.map(({ key, stored }) => {
        if (holderOf(key) !== token) return undefined
        leases.delete(key)
        const known = storedAt(key)
        if (known && known.truth > stored.truth) return undefined
        const stamp = (known?.stamp ?? 0) + 1
        values.set(key, { ...stored, stamp })
        return { stamp, pushed: '' }
      }),
    async invalidate(invalidations) {
      for (const { key, truth } of invalidations) {
        leases.delete(key)
        if ((storedAt(key)?.truth ?? truth) < truth) values.delete(key)
      }
    },
  }
}
