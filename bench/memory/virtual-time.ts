import type { Clock } from '../../worker/cache/clock.ts'

/** Virtual time for millions of sleeps: a heap, where the clock of the tests walks a list. */
export interface VirtualTime extends Clock {
  /** Runs what is due until `untilMs` (epoch milliseconds), each at its own moment, promises included. */
  runUntil(untilMs: number): Promise<void>
}

interface Due {
  readonly atMs: number
  readonly order: number
  /** Undefined once it was called off. */
  end: (() => void) | undefined
}

const earlier = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

export function createVirtualTime(startMs: number): VirtualTime {
  const heap: Due[] = []
  let nowMs = startMs
  let order = 0

  function add(due: Due): void {
    let at = heap.push(due) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (!parent || !earlier(due, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = due
  }
  function takeFirst(): void {
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const child = left && right && earlier(right, left) ? right : left
      if (!child || !earlier(child, last)) break
      heap[at] = child
      at = child === left ? 2 * at + 1 : 2 * at + 2
    }
    heap[at] = last
  }

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const due: Due = { atMs: nowMs + Math.max(0, ms), order: order++, end: resolve }
        add(due)
        signal?.addEventListener('abort', () => {
          due.end = undefined
          resolve()
        })
      }),
    async runUntil(untilMs) {
      for (;;) {
        // An immediate comes after every promise that can settle by itself.
        await new Promise<void>((resolve) => setImmediate(resolve))
        let ended = false
        while (!ended) {
          const [due] = heap
          if (!due || due.atMs > untilMs) {
            nowMs = untilMs
            return
          }
          takeFirst()
          if (!due.end) continue
          nowMs = Math.max(nowMs, due.atMs)
          due.end()
          ended = true
        }
      }
    },
  }
}
