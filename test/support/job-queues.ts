import { sql } from 'drizzle-orm'
import type { Database, Queryable } from '../../origin/db/client.ts'
import { listDeadJobs, replayDeadJobs } from '../../origin/db/dead-jobs.ts'
import { createJobQueue, type QueueRules } from '../../origin/db/jobs.ts'
import type { JobQueue } from '../../origin/fanout/job-queue.ts'
import { createLog, createLogQueue, relay } from './log-queue.ts'

/** A queue under test, and what its tests need of it beside the port. */
export interface QueueSubject {
  /** As another process sees it. With `dies`, the process ends where rows are written and the progress is not kept. */
  queue(options?: { readonly dies?: boolean }): JobQueue
  /** Posts have been written: their jobs are in the queue from now on. */
  queued(): Promise<void>
  /** What was put off is due. */
  makeDue(): Promise<void>
  dead(): Promise<readonly { readonly activityId: string; readonly error: string }[]>
  replay(activityId: string): Promise<void>
}

export class Died extends Error {}

type Start = (db: Database, rules: QueueRules) => QueueSubject

const inPostgres: Start = (db, rules) => ({
  queue: ({ dies = false } = {}) => createJobQueue(dies ? dyingBeforeCommit(db) : db, rules),
  queued: async () => {},
  makeDue: async () => void (await db.execute(sql`update fanout_jobs set run_at = now(), turn_at = now()`)),
  dead: async () => (await listDeadJobs(db, 100)).jobs,
  replay: async (activityId) => void (await replayDeadJobs(db, BigInt(activityId))),
})

/** Every statement is done, and lost with the connection. */
function dyingBeforeCommit(db: Database): Database {
  const execute = ((query: never) =>
    db.transaction(async (tx) => {
      await tx.execute(query)
      throw new Died()
    })) as unknown as Database['execute']
  return Object.assign(Object.create(db), { execute })
}

const onALog: Start = (db, rules) => {
  const log = createLog()
  let skewMs = 0
  const nowMs = () => performance.now() + skewMs
  return {
    queue: ({ dies = false } = {}) => createLogQueue(dies ? dyingAfterCommit(db) : db, log, rules, nowMs),
    queued: () => relay(db, log),
    async makeDue() {
      skewMs += 3_600_000
    },
    dead: async () => [...log.dead].map(([activityId, { error }]) => ({ activityId, error })),
    async replay(activityId) {
      const dead = log.dead.get(activityId)
      log.dead.delete(activityId)
      if (dead) log.append(dead.lane, { ...dead.entry, attempts: 0, notBeforeMs: 0 })
    },
  }
}

/** Every statement is done, and nobody is left to hear of it. */
function dyingAfterCommit(db: Database): Queryable {
  const execute = (async (query: never) => {
    await db.execute(query)
    throw new Died()
  }) as unknown as Database['execute']
  return Object.assign(Object.create(db), { execute })
}

export const JOB_QUEUES = [
  ['in Postgres', inPostgres],
  ['on an append-only log', onALog],
] as const
