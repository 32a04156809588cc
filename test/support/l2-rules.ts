import { MAX_RECORDED, MAX_TAIL } from '../../contract/l2/scripts.ts'
import type { Stored } from '../../worker/cache/entry.ts'

/**
 * What the scripts of `contract/l2/scripts.ts` do to one key, as functions of what was there. The twin of Redis (memory-shared-tier.ts) is made of
 * them, and the protocol model (test/model) walks them; `test/conformance/shared-tier-writes.test.ts` holds the twin to the scripts.
 */

/** A value, and how many entries were pushed to it since its fill. */
export interface Value extends Stored {
  readonly tail: number
}

export interface Lease {
  readonly token: string
  /** What was pushed while it was out. */
  readonly recorded: string
  /** Pushes recorded; beyond the most a lease may record its fill is refused. */
  readonly count: number
}

/** A key of L2 and its lease, both alive. */
export interface Cell {
  readonly value: Value | undefined
  readonly lease: Lease | undefined
}

/** A model counts to small numbers where Redis counts to these. */
export interface PushLimits {
  readonly maxTail: number
  readonly maxRecorded: number
}
const LIMITS: PushLimits = { maxTail: MAX_TAIL, maxRecorded: MAX_RECORDED }

/** What a reader saw of a key, as `worker/cache/ports.ts` says it. */
export interface SeenValue {
  readonly leastTruth: number
  readonly beatsSoftEndMs: number
  readonly seenSoftEndMs: number
  readonly seenStamp: number
}

/** Asks for the lease: what it is answered, and the value where it differs from what was seen. */
export function leased(
  { value, lease }: Cell,
  { leastTruth, beatsSoftEndMs, seenSoftEndMs, seenStamp }: SeenValue,
): { readonly state: 'fresher' | 'granted' | 'refused'; readonly shown: Value | undefined } {
  const fresher = value !== undefined && value.truth >= leastTruth && value.life.softExpiresAtMs > beatsSoftEndMs
  const differs = value !== undefined && (value.life.softExpiresAtMs !== seenSoftEndMs || value.stamp !== seenStamp)
  return { state: fresher ? 'fresher' : lease ? 'refused' : 'granted', shown: fresher || differs ? value : undefined }
}

export const newLease = (token: string): Lease => ({ token, recorded: '', count: 0 })

/** Appends an entry where a value is, and records it in a lease that is out. */
export function pushed({ value, lease }: Cell, text: string, { maxTail, maxRecorded }: PushLimits = LIMITS): Cell {
  const tail = (value?.tail ?? 0) + 1
  const drops = !value || tail > 2 * maxTail || value.payload === null
  return {
    value: drops
      ? undefined
      : {
          ...value,
          life: tail > maxTail ? { ...value.life, softExpiresAtMs: 0 } : value.life,
          tail,
          stamp: value.stamp + 1,
          payload: value.payload + text,
        },
    lease: lease && { ...lease, recorded: lease.count < maxRecorded ? lease.recorded + text : lease.recorded, count: lease.count + 1 },
  }
}

/** Drops or replaces what is older than the truth, and voids the lease in any case. */
export const invalidated = ({ value }: Cell, truth: number, replacement: Value | undefined): Cell => ({
  value: (value?.truth ?? -1) < truth ? replacement : value,
  lease: undefined,
})

/** Stores what was loaded and what was pushed meanwhile, unless the lease is lost or recorded too much, or something newer is stored. */
export function filled(
  cell: Cell,
  stored: Stored,
  token: string,
  { maxRecorded }: PushLimits = LIMITS,
): { readonly cell: Cell; readonly filled: { readonly stamp: number; readonly pushed: string } | undefined } {
  const { value: known, lease } = cell
  if (lease?.token !== token) return { cell, filled: undefined }
  const tooMuch = lease.count > maxRecorded || (lease.count > 0 && stored.payload === null)
  if (tooMuch || (known && known.truth > stored.truth)) return { cell: { value: known, lease: undefined }, filled: undefined }
  const stamp = (known?.stamp ?? 0) + 1
  const payload = stored.payload === null ? null : stored.payload + lease.recorded
  return {
    cell: { value: { ...stored, stamp, payload, tail: lease.count }, lease: undefined },
    filled: { stamp, pushed: lease.recorded },
  }
}
