import type { Invalidation } from '../../contract/l2/calls.ts'
import type { PackedEntry } from '../../contract/l2/codec.ts'

/** An entry on its way to one list in L2. */
export interface Delivery {
  readonly key: string
  /** Place of the entry in the call's entries. */
  readonly entry: number
}

/**
 * What the origin says to L2. `push` and `invalidate` answer the heartbeat of this process: how many of its writes this Redis
 * remembers. All reject when Redis did not acknowledge within its deadline.
 */
export interface L2Port {
  push(entries: readonly PackedEntry[], deliveries: readonly Delivery[], machineId: number): Promise<number>
  /** With no invalidations: a mere beat. */
  invalidate(invalidations: readonly Invalidation[], machineId: number): Promise<number>
  /** The heartbeats Redis remembers, 0 where it has none. */
  beats(machineIds: readonly number[]): Promise<number[]>
  /** Removes every value and lease whose key begins with `start`; all of this deployment where it is empty, but no heartbeats. Never FLUSHDB. */
  empty(start: string): Promise<void>
}
