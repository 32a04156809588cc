import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { PROMISED_MS } from '../../contract/promise.ts'
import type { Database } from '../../origin/db/client.ts'

const PAUSE_MS = 25
/** A round of looks takes a tenth of this on a machine that works. */
const LONGEST_ROUND_MS = 250

/**
 * Polls until `check` no longer throws, under the deadline of promises 3 and 4, counted in time in which the machine works: a round of looks, and of a question to
 * Postgres, that takes longer than a moment counts as one. It throws what the round behind the deadline threw.
 */
export async function withinPromised(db: Database, check: () => Promise<unknown>): Promise<void> {
  for (let spentMs = 0; ; ) {
    const begunAtMs = performance.now()
    const [checked] = await Promise.allSettled([check(), db.execute(sql`select 1`)])
    if (checked.status === 'fulfilled') return
    if (spentMs >= PROMISED_MS) throw checked.reason
    await sleep(PAUSE_MS)
    spentMs += Math.min(performance.now() - begunAtMs, LONGEST_ROUND_MS)
  }
}
