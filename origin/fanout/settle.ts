import type { InvalidationRow } from '../db/invalidations.ts'
import type { Delivery } from './deliver.ts'

/** After a failure Redis is left alone for this long: writes are acknowledged at once and their invalidations become debts. */
const REST_MS = 1_000

export type Settle = (rows: readonly InvalidationRow[]) => Promise<void>

/**
 * Carries out a write's invalidations before it is acknowledged, as long as Redis answers within `boundMs`. It never fails a
 * write: what could not be done is in Postgres already, as a debt.
 */
export function createSettle(
  delivery: Pick<Delivery, 'invalidate'>,
  clock: { nowMs(): number; sleep(ms: number, signal: AbortSignal): Promise<void> },
  boundMs: number,
  observe: (event: { readonly type: 'invalidation-owed'; readonly rows: number; readonly error?: unknown }) => void,
): Settle {
  let restsUntilMs = 0
  return async (rows) => {
    if (rows.length === 0) return
    if (clock.nowMs() < restsUntilMs) return observe({ type: 'invalidation-owed', rows: rows.length })
    const enough = new AbortController()
    const late = clock.sleep(boundMs, enough.signal).then(() => Promise.reject(new Error('Redis did not acknowledge in time')))
    try {
      // Bounded here too: while Redis recovers from a loss, a call waits for the replay.
      await Promise.race([delivery.invalidate(rows), late])
    } catch (error) {
      restsUntilMs = clock.nowMs() + REST_MS
      observe({ type: 'invalidation-owed', rows: rows.length, error })
    } finally {
      enough.abort()
      late.catch(() => {})
    }
  }
}
