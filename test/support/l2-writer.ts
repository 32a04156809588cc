import { firstIdAt } from '../../contract/ids.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import type { Database } from '../../origin/db/client.ts'
import { type InvalidationRow, insertInvalidations } from '../../origin/db/invalidations.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { payInvalidations, payPushes } from '../../origin/fanout/debts.ts'
import { createDelivery, TOMBSTONE } from '../../origin/fanout/deliver.ts'
import { createHeartbeat, type Heartbeat } from '../../origin/fanout/heartbeat.ts'
import { fanoutWorker } from './fan-out.ts'
import { type L2, PREFIX } from './l2.ts'

interface Parts {
  readonly db: Database
  readonly l2: L2
  readonly machineId: number
  /** Who posts. */
  readonly authorId: string
  /** Off only to show what recovery is for: then it believes whatever Redis answers. */
  readonly recovers: boolean
}

export type Writer = ReturnType<typeof startWriter>

let minted = firstIdAt(Date.now())

/** The part of an origin process that writes to L2, put together as in `origin/wiring.ts`, but it works and beats only when told to. */
export function startWriter({ db, l2, machineId, authorId, recovers }: Parts) {
  /** What was found lost: how much was replayed, or that L2 was emptied. */
  const losses: (number | 'emptied')[] = []
  const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)
  const port = createL2({ url: l2.url, token: l2.token, prefix: PREFIX, deadlineMs: 20_000, timeoutSignal })
  const credulous: Heartbeat = {
    era: 0,
    watch: async (write) => void (await write(machineId)),
    beat: async () => {},
    recoverAtStart: async () => {},
    handOver: async () => {},
  }
  const heartbeat = recovers
    ? createHeartbeat({ db, l2: port, machineId: () => machineId, observe: ({ replayed }) => losses.push(replayed) })
    : credulous
  const delivery = createDelivery({ db, l2: port, heartbeat, clock: { nowMs: Date.now, monotonicMs: () => performance.now() } })
  const worker = fanoutWorker(db, { delivery, batch: 100 })
  const drain = () => worker.drain(AbortSignal.timeout(60_000))
  return {
    machineId,
    losses,
    port,
    heartbeat,
    /** Fans out what is due. */
    drain,
    /** Commits a post and, unless told otherwise, fans it out. */
    async post({ fanOut = true } = {}): Promise<string> {
      const id = ++minted
      await insertActivity(db, { id, authorId: BigInt(authorId), text: 'a post', root: null })
      if (fanOut) await drain()
      return String(id)
    },
    async remove(id: string): Promise<void> {
      const rows = await db.transaction(async (tx): Promise<InvalidationRow[]> => {
        const versions = await deleteActivity(tx, BigInt(id), BigInt(authorId))
        return insertInvalidations(tx, [{ key: keyOf.post(id, 'public'), truth: versions?.truth ?? 0, replacement: TOMBSTONE }])
      })
      await delivery.invalidate(rows)
    },
    /** Pays whatever is due. */
    async pay(): Promise<void> {
      while ((await payInvalidations(db, delivery)) + (await payPushes(db, delivery)) > 0);
    },
  }
}
