import type { Observe } from './events.ts'

/**
 * The request that reads: the execution context of a Worker is one. An isolate is shared by many, and a promise or timer belongs to the
 * request that made it (docs/cache.md, Isolates), so the core asks who reads; outside workerd one object may stand for all.
 */
export interface Reader {
  /** Keeps work alive behind the answer, and when the client leaves. */
  waitUntil(work: Promise<unknown>): void
}

/** What one reader brings along. */
export interface Turn {
  readonly reader: Reader
  /** The least truth version the reader insists on, read your writes; undefined for one who insists on nothing. */
  readonly leastTruth: ((key: string) => number) | undefined
  readonly observe: Observe
  /** Uniform in [0, 1): the chance by which this reader volunteers for refreshes. One for all keys: those due travel together. */
  readonly dice: number
}
