import type { Clock, Random } from './clock.ts'

/** Keys that are not to be refreshed just now: their loads fail, or somebody else is at it. */
export interface Backoff {
  /** Its loads fail: while it waits, what is stale is served without another try. */
  waits(key: string): boolean
  /** As above, or its lease has just been refused: a refresh behind an answer would be in vain. */
  rests(key: string): boolean
  /** What its last load failed with. */
  reason(key: string): unknown
  /** Answers how long the key waits now (milliseconds). */
  failed(key: string, error: unknown): number
  /** Its lease was refused: somebody else is at it. */
  refused(key: string): void
  /** Its fill was refused: rests longer each time, for what is stored may stay newer than what can be loaded. */
  rejected(key: string): void
  succeeded(key: string): void
}

export interface BackoffRules {
  readonly firstMs: number
  /** Below a second, so that what has healed is found out within one. */
  readonly maxMs: number
  /** How long a key rests after its lease was refused (milliseconds). */
  readonly refusedMs: number
}

/** Beyond this many keys the oldest is forgotten. */
const MAX_KEYS = 10_000
/** Waits are shortened by up to this share, so that isolates which failed together do not try together. */
const JITTER = 0.1

interface State {
  /** The unjittered wait; 0 for a key that was only refused. */
  readonly waitMs: number
  readonly failedUntilMs: number
  readonly restsUntilMs: number
  /** The last rest after a refused fill (milliseconds). */
  readonly rejectedMs: number
  readonly error: unknown
}

const NEVER: State = { waitMs: 0, failedUntilMs: 0, restsUntilMs: 0, rejectedMs: 0, error: undefined }

/** Exponential per key, capped; one success forgets it. */
export function createBackoff({ firstMs, maxMs, refusedMs }: BackoffRules, clock: Pick<Clock, 'nowMs'>, random: Random): Backoff {
  const states = new Map<string, State>()
  function put(key: string, state: State): void {
    states.set(key, state)
    const [oldest] = states.keys()
    if (states.size > MAX_KEYS && oldest !== undefined) states.delete(oldest)
  }
  function rest(key: string, restMs: number, rejectedMs: number): void {
    const state = states.get(key) ?? NEVER
    put(key, { ...state, rejectedMs, restsUntilMs: Math.max(state.restsUntilMs, clock.nowMs() + restMs) })
  }
  return {
    waits: (key) => states.size > 0 && (states.get(key)?.failedUntilMs ?? 0) > clock.nowMs(),
    rests: (key) => states.size > 0 && (states.get(key)?.restsUntilMs ?? 0) > clock.nowMs(),
    reason: (key) => states.get(key)?.error,
    failed(key, error) {
      const state = states.get(key) ?? NEVER
      const waitMs = Math.min(maxMs, (state.waitMs || firstMs / 2) * 2)
      const jitteredMs = waitMs * (1 - JITTER * random())
      const untilMs = clock.nowMs() + jitteredMs
      put(key, { ...state, waitMs, failedUntilMs: untilMs, restsUntilMs: untilMs, error })
      return jitteredMs
    },
    refused: (key) => rest(key, refusedMs, states.get(key)?.rejectedMs ?? 0),
    rejected(key) {
      const restMs = Math.min(maxMs, (states.get(key)?.rejectedMs || refusedMs / 2) * 2)
      rest(key, restMs, restMs)
    },
    succeeded: (key) => void states.delete(key),
  }
}
