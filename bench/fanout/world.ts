import { totalmem } from 'node:os'
import type { Say } from '../../dev/progress.ts'
import { chooseRedis } from '../../dev/redis-server.ts'
import { createDatabase, startTestPostgres, type TestDatabase, type TestPostgres } from '../../test/support/postgres.ts'
import { type Store, startStore } from '../cache/world.ts'
import { type Graph, makeGraph } from './graph.ts'

/** What a scenario measures in: real servers of the bench's own, gone with it. */
export interface World {
  /** Small figures, to see that everything runs: its bars mean nothing. */
  readonly quick: boolean
  readonly say: Say
  /** `pid` for the CPU time. */
  readonly postgres: TestPostgres
  /** Redis, and a façade of Upstash's dialect in a process of its own. */
  readonly store: Store
  /** A migrated database without rows, for the caller to drop. */
  emptyDatabase(): Promise<TestDatabase>
  /** The large database that scenarios share, made when somebody first asks. */
  graph(): Promise<Graph>
  /** Ends the servers and removes their folders. */
  stop(): Promise<void>
}

const GIGABYTE = 2 ** 30

/** As durable as in production, with long checkpoint intervals: each first touch of a page after a checkpoint writes the whole page. */
export const settings = (memoryBytes: number) => ({
  shared_buffers: `${Math.max(128, Math.min(4_096, Math.floor(memoryBytes / 6 / 2 ** 20)))}MB`,
  max_connections: '200',
  fsync: 'on',
  checkpoint_timeout: '15min',
  max_wal_size: '8GB',
  min_wal_size: '4GB', // what a checkpoint has freed is written again: a new segment of 16 MB holds all commits up for a tenth of a second
  maintenance_work_mem: memoryBytes > 12 * GIGABYTE ? '1GB' : '256MB',
  work_mem: '64MB',
  random_page_cost: '1.1',
  jit: 'off',
  track_commit_timestamp: 'on',
})

export async function createWorld(quick: boolean, say: Say): Promise<World> {
  await chooseRedis('real')
  const postgres = await startTestPostgres(settings(totalmem()))
  const store = await startStore().catch(async (error) => {
    await postgres.stop()
    throw error
  })
  let graph: Promise<Graph> | undefined
  return {
    quick,
    say,
    postgres,
    store,
    emptyDatabase: () => createDatabase(postgres.adminUrl),
    graph: () => (graph ??= createDatabase(postgres.adminUrl).then(({ url }) => makeGraph({ url, store, quick, say }))),
    async stop() {
      await graph?.then(({ close }) => close()).catch(() => {})
      await store.stop()
      await postgres.stop()
    },
  }
}
