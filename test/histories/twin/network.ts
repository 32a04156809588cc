import type { HistoryClock } from '../clock.ts'

/** How long things take in a history (milliseconds), drawn anew for each call. */
export interface Network {
  /** One way of a call to L2. */
  l2Ms(): number
  /** One way of a call to the origin. */
  originMs(): number
  /** A transaction. */
  transactionMs(): number
  /** Is Postgres overloaded? */
  slow(on: boolean): void
}

/** Mostly quick, and now and then slow enough that others overtake. */
export function createNetwork(random: () => number): Network {
  const drawn = (usualMs: number, slowMs: number): number => Math.ceil(random() < 0.05 ? random() * slowMs : random() * usualMs)
  let isSlow = false
  return {
    l2Ms: () => drawn(4, 45),
    originMs: () => drawn(6, 60),
    transactionMs: () => (isSlow && random() < 0.3 ? random() * 1_500 : drawn(4, 80)),
    slow(on) {
      isSlow = on
    },
  }
}

/** What a process that died waits for. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {})

/** Rejects after `ms`, whatever the work does. */
export async function within<T>(clock: HistoryClock, ms: number, work: Promise<T>): Promise<T> {
  const enough = new AbortController()
  const late = clock.sleep(ms, enough.signal).then((): never => {
    if (enough.signal.aborted) return undefined as never
    throw new Error(`no answer within ${ms} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    enough.abort(null)
  }
}
