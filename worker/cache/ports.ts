import type { Lifetimes, Stored } from './entry.ts'

/** What a reader wants of a lease: it saw this much, and only something better spares it the load. */
export interface Wanted {
  readonly key: string
  /** The least truth version that will do. */
  readonly leastTruth: number
  /** Only a value whose soft end lies later than this will do (epoch milliseconds). */
  readonly beatsSoftEndMs: number
  /** What the reader saw, 0 where nothing: the answer brings the stored value only where it differs. */
  readonly seenSoftEndMs: number
  readonly seenStamp: number
}

export interface LeaseAnswer {
  /** `fresher`: no load is wanted, here it is. `granted`: the load is yours. `refused`: somebody else is at it. */
  readonly state: 'granted' | 'refused' | 'fresher'
  readonly stored: Stored | undefined
}

/** A tier that isolates share. Every call rejects when it cannot answer, and does so in time. */
export interface SharedTier {
  /** No call takes longer than this: whoever implements it sees to that (milliseconds). */
  readonly deadlineMs: number
  /** Reads many keys in one round trip, perhaps from a replica that lags. */
  read(keys: readonly string[]): Promise<(Stored | undefined)[]>
  /** Asks the primary for the right to load. A lease saves work, it never guards truth. */
  lease(wanted: readonly Wanted[], token: string, leaseMs: number): Promise<LeaseAnswer[]>
  /** Gives back leases whose load failed: the next one is granted after a rest (milliseconds). */
  release(keys: readonly string[], token: string, restMs: number): Promise<void>
  /**
   * Stores what was loaded, where the token still holds the lease and nothing newer is stored. Answers the new stamp and the text that
   * was pushed meanwhile, to be appended to the payload; undefined where the fill was refused.
   */
  fill(
    values: readonly { readonly key: string; readonly stored: Stored }[],
    token: string,
  ): Promise<({ readonly stamp: number; readonly pushed: string } | undefined)[]>
  /** Drops what is stored below a truth version, and voids every lease of the key: a load that began earlier will not be stored. */
  invalidate(invalidations: readonly Invalidated[]): Promise<unknown>
}

export interface Invalidated {
  readonly key: string
  readonly truth: number
}

/** What a load found of one key: a payload, null for an absence, or that just this key could not be loaded. */
export type Loaded =
  | {
      readonly key: string
      /** Undefined says nothing of it: then it is as true as what was seen before. */
      readonly truth?: number | undefined
      readonly payload: string | null
      /** Where this value is to live otherwise than its key says. */
      readonly lifetimes?: Partial<Lifetimes> | undefined
    }
  | { readonly key: string; readonly error: unknown }

/** Thrown when a bulkhead stayed full, here or at the origin: the caller serves something older, or refuses. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded'
}

/** The origin. Rejects when it cannot answer; is given up when the signal says so; a key it leaves out is an absence. */
export type Load = (keys: readonly string[], signal: AbortSignal) => Promise<readonly Loaded[]>
