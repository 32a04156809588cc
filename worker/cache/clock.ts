/** Time as the core sees it. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number
  /** The same, where a look at the clock is dear: it may stand still within a turn of the event loop, as Cloudflare's does. */
  turnMs?(): number
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. With 0 it resolves in a later turn of the event loop. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Uniform in [0, 1). */
export type Random = () => number
