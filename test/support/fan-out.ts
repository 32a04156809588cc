import type { Chunk } from '../../origin/db/chunks.ts'
import type { Database } from '../../origin/db/client.ts'
import { createJobQueue } from '../../origin/db/jobs.ts'
import type { Delivery } from '../../origin/fanout/deliver.ts'
import { createFanoutWorker, type FanoutEvent, type FanoutWorker } from '../../origin/fanout/worker.ts'

interface Parts {
  readonly delivery?: Pick<Delivery, 'push' | 'resting'>
  /** Instead of a delivery. */
  readonly push?: (chunks: readonly Chunk[]) => Promise<void>
  readonly observe?: (event: FanoutEvent) => void
  readonly chunkSize?: number
  readonly batch?: number
  readonly attempts?: number
}

/** A fan-out worker on the queue in Postgres. It pushes nothing unless told. */
export function fanoutWorker(db: Database, { push = async () => {}, observe = () => {}, ...rest }: Parts = {}): FanoutWorker {
  const { chunkSize = 100, batch = 10, attempts = 12, delivery = { push, resting: () => false } } = rest
  return createFanoutWorker({ db, queue: createJobQueue(db, { chunkSize, batch, attempts }), delivery, observe })
}
