import { sql } from 'drizzle-orm'
import { blameFor, type Database, idArray, messageOf, type Queryable } from '../../origin/db/client.ts'
import { type Cut, cutJobs, type FailedJob, type Lane, type QueueRules } from '../../origin/db/jobs.ts'
import type { JobQueue } from '../../origin/fanout/job-queue.ts'

const PARTITIONS = 8
const LANES = { small: 0, big: 1 } as const

interface Entry {
  readonly activityId: bigint
  readonly authorId: bigint
  readonly mode: string
  readonly afterViewer: bigint
  readonly attempts: number
  readonly notBeforeMs: number
}

/** Entries that are only appended; `offset` is how far its consumers have come, and one of them reads at a time. */
interface Partition {
  readonly lane: Lane
  readonly entries: Entry[]
  offset: number
  held: boolean
}

/** An append-only log with partitions and consumer offsets, as a distributed one has them, and a topic of what is dead. */
export function createLog() {
  const partitions: readonly Partition[] = (['small', 'big'] as const).flatMap((lane) =>
    Array.from({ length: PARTITIONS }, () => ({ lane, entries: [], offset: 0, held: false })),
  )
  const dead = new Map<string, { readonly entry: Entry; readonly lane: Lane; readonly error: string }>()
  const partitionOf = (lane: Lane, authorId: bigint) => partitions.filter((one) => one.lane === lane)[Number(authorId % BigInt(PARTITIONS))]
  return {
    partitions,
    dead,
    append: (lane: Lane, entry: Entry): void => void partitionOf(lane, entry.authorId)?.entries.push(entry),
  }
}
export type Log = ReturnType<typeof createLog>

/**
 * Takes what posts have queued in their own transactions to the log: at least once, since a process that dies behind `append` does it again.
 */
export async function relay(db: Database, log: Log): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.execute<{ activity_id: bigint; author_id: bigint; mode: string; lane: number }>(
      sql`delete from fanout_jobs returning activity_id, author_id, mode, lane`,
    )
    for (const row of rows) {
      const entry = { activityId: row.activity_id, authorId: row.author_id, mode: row.mode, afterViewer: 0n, attempts: 0, notBeforeMs: 0 }
      log.append(row.lane === 1 ? 'big' : 'small', entry)
    }
  })
}

/** The queue of fan-out on that log. Effect and offset are two steps, so that a chunk may be cut twice: primary keys make it once. */
export function createLogQueue(db: Queryable, log: Log, rules: QueueRules, nowMs: () => number): JobQueue {
  const last = { small: 0, big: 0 }

  /** Lets this consumer alone read a partition that has something due, from the preferred lane if it can. */
  async function consume<T>(preferred: Lane, read: (partition: Partition) => Promise<T>, nothing: T): Promise<T> {
    const due = ({ held, entries, offset }: Partition) => !held && (entries[offset]?.notBeforeMs ?? Infinity) <= nowMs()
    const next = (lane: Lane) => {
      const all = log.partitions.filter((one) => one.lane === lane)
      const partition = [...all.slice(last[lane] + 1), ...all.slice(0, last[lane] + 1)].find(due)
      if (partition) last[lane] = all.indexOf(partition)
      return partition
    }
    const partition = next(preferred) ?? next(preferred === 'small' ? 'big' : 'small')
    if (!partition) return nothing
    partition.held = true
    try {
      return await read(partition)
    } finally {
      partition.held = false // or its session ends with the process
    }
  }

  async function cut(partition: Partition, count: number, owed: boolean): Promise<Cut> {
    const entries = partition.entries.slice(partition.offset, partition.offset + count).filter(({ notBeforeMs }) => notBeforeMs <= nowMs())
    const jobs = sql`
      select distinct on (activity_id) activity_id, author_id, mode, ${LANES[partition.lane]}::smallint as lane, after_viewer, now() as queued_at,
        now() + place * interval '1 microsecond' as turn_at
      from unnest(${idArray(entries.map((one) => one.activityId))}, ${idArray(entries.map((one) => one.authorId))},
        ${idArray(entries.map((one) => one.afterViewer))}, ${`{${entries.map(({ mode }) => mode).join(',')}}`}::text[]) with ordinality e(activity_id, author_id, after_viewer, mode, place)
      order by activity_id, place`
    const done = await cutJobs(db, { ...rules, jobs, owed, tolerant: true })
    // Of what the statement left out, because it was much, the offset says nothing.
    const cutIds = new Set(done.chunks.map(({ entry }) => entry.activityId))
    const through = entries.findIndex(({ activityId }) => !cutIds.has(String(activityId)))
    for (const entry of entries.slice(0, through === -1 ? entries.length : through)) {
      const afterViewer = done.unfinished.get(String(entry.activityId))
      // At the end of its partition: who came meanwhile has its turn first.
      if (afterViewer !== undefined) log.append(partition.lane, { ...entry, afterViewer, attempts: 0 })
      partition.offset += 1
    }
    return { ...done, drained: false }
  }

  const nothing: Cut = { chunks: [], unfinished: new Map(), trim: [], drained: true }
  return {
    cutBatch: (preferred, { owed }) => consume(preferred, (one) => cut(one, one.lane === 'small' ? rules.batch : 1, owed), nothing),
    cutOne: (preferred, { owed }) =>
      consume<Cut & { readonly failed?: FailedJob }>(
        preferred,
        async (partition) => {
          try {
            return await cut(partition, 1, owed)
          } catch (error) {
            const entry = partition.entries[partition.offset]
            const blame = blameFor(error)
            if (!entry || blame === 'server') throw error
            const attempts = entry.attempts + (blame === 'work' ? 1 : 0)
            const died = blame === 'work' && attempts >= rules.attempts
            const failed = { ...entry, attempts, notBeforeMs: nowMs() + (blame === 'work' ? 250 * 2 ** entry.attempts : 30_000) }
            if (died) log.dead.set(String(entry.activityId), { entry, lane: partition.lane, error: messageOf(error) })
            else log.append(partition.lane, failed)
            partition.offset += 1
            return { ...nothing, failed: { activityId: String(entry.activityId), attempts, died, error } }
          }
        },
        nothing,
      ),
  }
}
