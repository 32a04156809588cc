import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Fault } from '../log.ts'
import type { Parts } from './parts.ts'

const PAUSE_MS = 250
/** What a part may take to say that it lives (milliseconds). */
const PROMPT_MS = 750

/**
 * Whether the machine gives the parts the time that promises are made for. A round of trivial questions that takes a second says that one of them, or this
 * process, was paused: no fault of ours, and what was not settled before it may be late.
 */
export function watchMachine({ stack, livenessUrls }: Parts, nowMs: () => number, noteStall: (stall: Fault) => void) {
  const over = new AbortController()
  let begunAtMs = nowMs()
  const isLate = () => nowMs() - begunAtMs > PAUSE_MS + PROMPT_MS

  /** A part that is down answers nothing, and is known to be. */
  async function askAll(): Promise<void> {
    const asked = livenessUrls().map(async (url) => (await fetch(url)).arrayBuffer())
    const redis = fetch(stack.l2Url, { method: 'POST', headers: { authorization: `Bearer ${stack.l2Token}` }, body: '["PING"]' })
    await Promise.allSettled([...asked, redis.then((answer) => answer.arrayBuffer()), stack.db.execute(sql`select 1`)])
  }
  const watching = (async () => {
    while (!over.signal.aborted) {
      begunAtMs = nowMs()
      await Promise.all([askAll(), sleep(PAUSE_MS)])
      if (isLate()) noteStall({ what: 'the machine stalls', fromMs: begunAtMs, toMs: nowMs() })
    }
  })()

  return {
    /** For judges, while nobody knows how long it lasts. */
    stall: {
      what: 'the machine stalls',
      get fromMs() {
        return begunAtMs
      },
      get toMs() {
        return isLate() ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
      },
    } satisfies Fault,
    async stop(): Promise<void> {
      over.abort()
      await watching
    },
  }
}
