import type { Clock } from './clock.ts'

/** Keys this isolate was told to forget: nothing that was read or loaded before that moment is kept or boarded any more. */
export interface Fences {
  raise(key: string, forMs: number): void
  /** The moment of the fence, while it stands (epoch milliseconds); a replica may be behind it. */
  raisedAtMs(key: string): number | undefined
  /** Did something that began at `atMs` begin before the fence? */
  fenced(key: string, atMs: number): boolean
}

/** Beyond this many fences those that have fallen are swept. */
const SWEEP_SIZE = 1_000

export function createFences(clock: Pick<Clock, 'nowMs'>): Fences {
  const fences = new Map<string, { readonly atMs: number; readonly fallsAtMs: number }>()
  function standing(key: string): number | undefined {
    const fence = fences.size > 0 ? fences.get(key) : undefined
    return fence && clock.nowMs() < fence.fallsAtMs ? fence.atMs : undefined
  }
  return {
    raise(key, forMs) {
      const nowMs = clock.nowMs()
      if (fences.size >= SWEEP_SIZE) for (const [text, { fallsAtMs }] of fences) if (fallsAtMs <= nowMs) fences.delete(text)
      fences.set(key, { atMs: nowMs, fallsAtMs: nowMs + forMs })
    },
    raisedAtMs: standing,
    fenced: (key, atMs) => atMs <= (standing(key) ?? Number.NEGATIVE_INFINITY),
  }
}
