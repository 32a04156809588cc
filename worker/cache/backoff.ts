import type { Clock } from './clock.ts'

/** Keys whose loads fail at present: while one waits, what is stale is served without another try. */
export interface Backoff {
  waits(key: string): boolean
  failed(key: string): void
  succeeded(key: string): void
}

export interface BackoffRules {
  readonly firstMs: number
  readonly maxMs: number
}

/** Beyond this many failing keys the oldest is forgotten. */
const MAX_KEYS = 10_000

/** Exponential per key, capped; one success forgets it. */
export function createBackoff({ firstMs, maxMs }: BackoffRules, clock: Pick<Clock, 'nowMs'>): Backoff {
  const failing = new Map<string, { readonly waitMs: number; readonly untilMs: number }>()
  return {
    waits: (key) => (failing.get(key)?.untilMs ?? 0) > clock.nowMs(),
    failed(key) {
      const waitMs = Math.min(maxMs, (failing.get(key)?.waitMs ?? firstMs / 2) * 2)
      failing.set(key, { waitMs, untilMs: clock.nowMs() + waitMs })
      const [oldest] = failing.keys()
      if (failing.size > MAX_KEYS && oldest !== undefined) failing.delete(oldest)
    },
    succeeded: (key) => void failing.delete(key),
  }
}
