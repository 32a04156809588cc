import type { Clock } from '../../worker/cache/clock.ts'

/** Virtual time for histories: a heap of sleeps, and all that ends in one moment ends together. */
export interface HistoryClock extends Clock {
  /** Lets time pass until `promise` settles. Throws when nothing sleeps any more: then nothing could settle it. */
  until<T>(promise: Promise<T>): Promise<T>
  /** Time passes by itself until `stop`; for a driver whose caller waits for promises of its own. */
  readonly sleeping: number
}

interface Sleep {
  readonly endsAtMs: number
  readonly order: number
  /** Undefined once it has ended or was given up. */
  end: (() => void) | undefined
}

const isBefore = (a: Sleep, b: Sleep): boolean => a.endsAtMs < b.endsAtMs || (a.endsAtMs === b.endsAtMs && a.order < b.order)

/** A clock that starts at `startMs` (epoch milliseconds). Beside test/support/virtual-clock.ts it is a third of the work: a history sleeps a thousand times. */
export function createHistoryClock(startMs: number): HistoryClock {
  let nowMs = startMs
  let order = 0
  const heap: Sleep[] = []

  function push(sleep: Sleep): void {
    let at = heap.length
    heap.push(sleep)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Sleep
      if (!isBefore(sleep, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = sleep
  }

  function pop(): Sleep {
    const first = heap[0] as Sleep
    const last = heap.pop() as Sleep
    const { length } = heap
    if (length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(heap[child + 1] as Sleep, heap[child] as Sleep)) child++
      if (!isBefore(heap[child] as Sleep, last)) break
      heap[at] = heap[child] as Sleep
      at = child
    }
    heap[at] = last
    return first
  }

  /** Ends every sleep of the next moment at which one ends. False where nothing sleeps. */
  function step(): boolean {
    while (heap.length > 0 && heap[0]?.end === undefined) pop()
    const first = heap[0]
    if (!first) return false
    nowMs = Math.max(nowMs, first.endsAtMs)
    while (heap.length > 0 && (heap[0] as Sleep).endsAtMs <= nowMs) pop().end?.()
    return true
  }

  /** An immediate comes after every promise that can settle by itself. */
  const idle = () => new Promise<void>((resolve) => setImmediate(resolve))

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleep: Sleep = {
          endsAtMs: nowMs + Math.max(0, ms),
          order: order++,
          end() {
            sleep.end = undefined
            signal?.removeEventListener('abort', giveUp)
            resolve()
          },
        }
        const giveUp = (): void => sleep.end?.()
        push(sleep)
        signal?.addEventListener('abort', giveUp)
      }),
    async until(promise) {
      let settled = false
      const done = () => {
        settled = true
      }
      promise.then(done, done)
      for (;;) {
        await idle()
        if (settled) return promise
        if (!step()) throw new Error('nothing is left that could settle it')
      }
    },
    get sleeping() {
      return heap.length
    },
  }
}
