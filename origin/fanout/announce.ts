import type { Bell, LoopClock } from './loops.ts'

/** One notification stands for all jobs of so many milliseconds. */
const TOGETHER_MS = 5

interface Parts {
  readonly bell: Pick<Bell, 'ring'>
  /** Tells the workers of all processes. */
  readonly notify: () => Promise<void>
  readonly clock: LoopClock
  readonly signal: AbortSignal
}

/**
 * Says that a job was queued, after its transaction has committed: notifications inside commit one after the other, each waiting for the disk. A worker of
 * this process that is idle takes it; else those of others are told. What is never told of, because this process dies, is found by a look at the queue.
 */
export function createAnnouncement({ bell, notify, clock, signal }: Parts): () => void {
  let telling = false
  let again = false
  async function tell(): Promise<void> {
    telling = true
    do {
      again = false
      await notify().catch(() => {}) // they look at the queue four times a second
      await clock.sleep(TOGETHER_MS, signal)
    } while (again)
    telling = false
  }
  return () => {
    if (bell.ring()) return
    if (telling) again = true
    else void tell()
  }
}
