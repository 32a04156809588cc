import { sql } from 'drizzle-orm'
import { createL2 } from '../../origin/adapters/l2.ts'
import type { Database } from '../../origin/db/client.ts'
import { createDelivery } from '../../origin/fanout/deliver.ts'
import { createHeartbeat } from '../../origin/fanout/heartbeat.ts'
import { sweepNext } from '../../origin/fanout/sweep.ts'
import { type L2, PREFIX } from './l2.ts'

/** The part of an origin process that sweeps. */
export function startSweeper(db: Database, l2: L2, machineId = 1) {
  const port = createL2({
    url: l2.url,
    token: l2.token,
    prefix: PREFIX,
    deadlineMs: 60_000,
    timeoutSignal: (ms) => AbortSignal.timeout(ms),
  })
  const heartbeat = createHeartbeat({ db, l2: port, machineId: () => machineId, observe: () => {} })
  const delivery = createDelivery({ db, l2: port, heartbeat, clock: { nowMs: Date.now, monotonicMs: () => performance.now() } })
  const step = () => sweepNext(db, delivery)
  return {
    heartbeat,
    step,
    /** Without the pauses. */
    async toTheEnd() {
      while ((await step()) > 0 || (await unfinishedSweeps(db)) > 0) await makeSweepsDue(db)
    },
  }
}

export const unfinishedSweeps = async (db: Database): Promise<number> =>
  (await db.execute(sql`select 1 from sweeps where due_at <> 'infinity'`)).length

/** Whoever held them has died, and their pauses are over. */
export const makeSweepsDue = (db: Database) => db.execute(sql`update sweeps set due_at = now() where due_at <> 'infinity'`)
