import type { Clock } from './clock.ts'

/** Thrown in place of an answer that did not come in time. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded'
}

/** A timer that rings later than this was held up (milliseconds). */
const HELD_UP_MS = 5

/**
 * Resolves when `ms` have passed in which this process could have listened: where it was held up by its own work, an answer may lie
 * unread, so the process gets as long again as it was late, once, and never more than `ms`.
 */
export async function patience(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const dueAtMs = clock.nowMs() + ms
  await clock.sleep(ms, signal)
  const lateMs = clock.nowMs() - dueAtMs
  if (lateMs > HELD_UP_MS) await clock.sleep(Math.min(lateMs, ms), signal)
}

/** Work that is given up, and told so by its signal, after `ms`. Rejects with `DeadlineExceeded`, or as the work does. */
export async function withDeadline<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const giveUp = new AbortController()
  const done = new AbortController()
  const rings = patience(clock, ms, done.signal).then(() => {
    if (done.signal.aborted) return undefined as never
    const error = new DeadlineExceeded(`no answer within ${ms} ms`)
    giveUp.abort(error)
    throw error
  })
  try {
    return await Promise.race([work(giveUp.signal), rings])
  } finally {
    done.abort(null)
  }
}
