import type { Invalidation } from '../../contract/l2/calls.ts'
import type { PackedEntry } from '../../contract/l2/codec.ts'

/** Digits of an id. */
export const ID_DIGITS = 19

/** An entry on its way to one list in L2, or to the timelines of some viewers, whose ids are one text. `entry` is its place in the call's entries. */
export type Delivery = { readonly key: string; readonly entry: number } | { readonly viewers: string; readonly entry: number }

/**
 * What the origin says to L2. `push` and `invalidate` answer the heartbeat of this process: how many of its writes this Redis
 * remembers. All reject when Redis did not acknowledge within its deadline.
 */
export interface L2Port {
  /** At most MAX_PUSHED_KEYS keys, and 999 entries. */
  push(entries: readonly PackedEntry[], deliveries: readonly Delivery[], machineId: number): Promise<number>
  /** With no invalidations: a mere beat. */
  invalidate(invalidations: readonly Invalidation[], machineId: number): Promise<number>
  /** The heartbeats Redis remembers, 0 where it has none. */
  beats(machineIds: readonly number[]): Promise<number[]>
  /** Removes every value and lease whose key begins with `start`; all of this deployment where it is empty, but no heartbeats. Never FLUSHDB. */
  empty(start: string): Promise<void>
}
