import type { Clock } from './clock.ts'

/** Keys this isolate was told to forget. */
export interface Fences {
  raise(key: string): void
  /** The moment this isolate was told, while something that began earlier may still be in the air (epoch milliseconds). */
  raisedAtMs(key: string): number | undefined
  /** May a replica still be behind what this isolate was told? */
  replicaMayLag(key: string): boolean
  /** Did what began at `atMs` begin before the isolate was told? Then it is not kept, and boarded by nobody who comes later. */
  fenced(key: string, atMs: number): boolean
}

interface Rules {
  /** How far replicas of the shared tier may be behind (milliseconds). */
  readonly replicaLagMs: number
  /** Longer than a read of the shared tier may be in the air (milliseconds). */
  readonly readFlightMs: number
  /** Longer than anything that began before may be in the air (milliseconds). */
  readonly flightMs: number
}

/** Beyond this many fences, and each time there are twice as many as a sweep left, those that have fallen are swept. */
const SWEEP_SIZE = 1_000

export function createFences({ replicaLagMs, readFlightMs, flightMs }: Rules, clock: Pick<Clock, 'nowMs'>): Fences {
  const fences = new Map<string, number>()
  let sweepSize = SWEEP_SIZE
  function within(key: string, ms: number): number | undefined {
    const atMs = fences.size > 0 ? fences.get(key) : undefined
    return atMs !== undefined && clock.nowMs() < atMs + ms ? atMs : undefined
  }
  return {
    raise(key) {
      const nowMs = clock.nowMs()
      if (fences.size >= sweepSize) {
        for (const [text, atMs] of fences) if (nowMs >= atMs + flightMs) fences.delete(text)
        sweepSize = Math.max(SWEEP_SIZE, 2 * fences.size)
      }
      fences.set(key, nowMs)
    },
    raisedAtMs: (key) => within(key, flightMs),
    replicaMayLag: (key) => within(key, Math.max(replicaLagMs, readFlightMs)) !== undefined,
    fenced: (key, atMs) => atMs <= (within(key, flightMs) ?? Number.NEGATIVE_INFINITY),
  }
}
