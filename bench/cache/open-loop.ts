import { setTimeout as sleep } from 'node:timers/promises'

/** Between two looks at what is due (milliseconds). */
const TICK_MS = 4
/** How long answers are waited for after the last request (milliseconds). */
const PATIENCE_MS = 8_000

/** Sends `perSecond` requests for `ms`, whether or not earlier ones were answered. */
export async function openLoop(
  perSecond: number,
  ms: number,
  send: (index: number) => Promise<void>,
): Promise<{ sent: number; unanswered: number }> {
  const startedAtMs = performance.now()
  const pending = new Set<Promise<void>>()
  let sent = 0
  for (let elapsedMs = 0; elapsedMs < ms; elapsedMs = performance.now() - startedAtMs) {
    const due = Math.floor((Math.min(elapsedMs, ms) * perSecond) / 1_000)
    while (sent < due) {
      const request: Promise<void> = send(sent++).finally(() => pending.delete(request))
      pending.add(request)
    }
    await sleep(TICK_MS)
  }
  await Promise.race([Promise.allSettled(pending), sleep(PATIENCE_MS)])
  return { sent, unanswered: pending.size }
}

/** Sleeps until an epoch moment: processes begin together. */
export const sleepUntil = (atMs: number): Promise<void> => sleep(Math.max(0, atMs - Date.now()))
