import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Chunk } from '../db/chunks.ts'
import { blameFor, type Database, isUniqueViolation } from '../db/client.ts'
import type { Cut, Lane } from '../db/jobs.ts'
import { trimTimelines } from '../db/timelines.ts'
import type { Delivery } from './deliver.ts'
import type { JobQueue } from './job-queue.ts'
import { ID_DIGITS } from './l2-port.ts'

export type FanoutEvent =
  | { readonly type: 'fanout-chunks'; readonly chunks: number; readonly entries: number }
  | { readonly type: 'fanout-failed'; readonly error: unknown }
  | { readonly type: 'job-postponed'; readonly activityId: string; readonly attempts: number; readonly error: unknown }
  | { readonly type: 'job-died'; readonly activityId: string; readonly attempts: number; readonly error: unknown }
  | { readonly type: 'push-failed'; readonly chunks: number; readonly error: unknown }
  | { readonly type: 'trim-failed'; readonly error: unknown }

interface Parts {
  readonly db: Database
  readonly queue: JobQueue
  readonly delivery: Pick<Delivery, 'push' | 'resting'>
  readonly observe: (event: FanoutEvent) => void
}

export interface FanoutWorker {
  /** Cuts and pushes until no job is due; one push is under way while the next chunk is cut. Rejects when the queue is ill. */
  drain(signal: AbortSignal): Promise<void>
}

/** Timelines that are trimmed in one statement. A process that ends with fewer forgets them: others are picked with the next entries. */
export const TRIMMED_TOGETHER = 32

/** After a batch has failed so many jobs are done one by one at most: the one to blame is among the next two batches. */
const CAREFUL_JOBS = 2_000

/** Cuts due fan-out jobs into chunks (docs/architecture.md, The write path): rows commit first, the push follows, then the chunk is marked. */
export function createFanoutWorker({ db, queue, delivery, observe }: Parts): FanoutWorker {
  let lane: Lane = 'big'
  /** For so many jobs more: one at a time. */
  let careful = 0
  const toTrim: string[] = []
  let trimming = false

  /** Cuts what is next. Undefined when something failed that must not keep the rest. */
  async function cutNext(): Promise<(Cut & { readonly owed: boolean }) | undefined> {
    // In turn: a lane that always has work must not starve the other.
    lane = lane === 'small' ? 'big' : 'small'
    const owed = delivery.resting()
    if (careful === 0) {
      try {
        return { ...(await cutBatch(owed)), owed }
      } catch (error) {
        if (blameFor(error) === 'server') throw error
        observe({ type: 'fanout-failed', error })
        careful = CAREFUL_JOBS
        return undefined
      }
    }
    const { failed, ...cut } = await queue.cutOne(lane, { owed })
    careful = failed || cut.chunks.length === 0 ? 0 : careful - 1 // the next batch tells whether there is another
    if (!failed) return { ...cut, owed }
    const { died, ...job } = failed
    observe({ type: died ? 'job-died' : 'job-postponed', ...job })
    return undefined
  }

  async function cutBatch(owed: boolean): Promise<Cut> {
    try {
      return await queue.cutBatch(lane, { owed, tolerant: false })
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      return await queue.cutBatch(lane, { owed, tolerant: true })
    }
  }

  /** Pushes a cut, behind the one before it and while the next one is made. What fails is owed, and pushed by others. */
  async function push({ chunks, owed }: Cut & { readonly owed: boolean }, before: Promise<void>): Promise<void> {
    if (owed) return before
    await delivery.push(chunks, before).catch((error) => observe({ type: 'push-failed', chunks: chunks.length, error }))
  }

  /** Nobody waits for a trim: it locks viewers, which a rebuild holds while it waits for rows of ours. */
  async function trim(viewers: readonly string[]): Promise<void> {
    toTrim.push(...viewers)
    if (trimming || toTrim.length < TRIMMED_TOGETHER) return
    trimming = true
    await trimTimelines(db, toTrim.splice(0), TIMELINE_CAP).catch((error) => observe({ type: 'trim-failed', error }))
    trimming = false
  }

  return {
    async drain(signal) {
      let pushing: Promise<void> = Promise.resolve()
      try {
        while (!signal.aborted) {
          const cut = await cutNext()
          if (cut?.chunks.length === 0) break
          if (!cut) continue
          observe({ type: 'fanout-chunks', chunks: cut.chunks.length, entries: entriesOf(cut.chunks) })
          void trim(cut.trim)
          const before = pushing
          pushing = push(cut, before)
          await before
          if (cut.drained) break
        }
      } finally {
        await pushing
      }
    },
  }
}

const entriesOf = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { viewers }) => sum + viewers.length / ID_DIGITS, 0)
