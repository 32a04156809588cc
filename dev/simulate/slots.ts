/** Bounds how many requests are in the air. Arrivals do not wait for answers, so what finds no place waits, and gives up at last. */
export interface Slots {
  /** Milliseconds waited for a place; undefined after `patienceMs` without one. Whoever got one must `give` it back. */
  take(): Promise<number | undefined>
  give(): void
}

export function createSlots(max: number, patienceMs: number): Slots {
  let free = max
  const waiting = new Set<() => void>()
  return {
    async take() {
      if (free > 0) {
        free -= 1
        return 0
      }
      const fromMs = performance.now()
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const got = () => resolve(true)
      waiting.add(got)
      const timer = setTimeout(() => resolve(false), patienceMs)
      const gotOne = await promise
      clearTimeout(timer)
      // One that was handed to us while the timer rang is ours: it has left the set.
      if (!gotOne && waiting.delete(got)) return undefined
      return performance.now() - fromMs
    },
    give() {
      const [next] = waiting
      if (next === undefined) free += 1
      else {
        waiting.delete(next)
        next()
      }
    },
  }
}
