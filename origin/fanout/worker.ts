import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../db/client.ts'
import { isUniqueViolation } from '../db/client.ts'
import { type Chunk, cutChunks, type Job, type Lane, postponeJob, takeJobs } from '../db/jobs.ts'
import { trimTimelines } from '../db/timelines.ts'
import type { Delivery } from './deliver.ts'

export type FanoutEvent =
  | { readonly type: 'fanout-chunks'; readonly chunks: number; readonly entries: number }
  | { readonly type: 'fanout-failed'; readonly error: unknown }
  | { readonly type: 'push-failed'; readonly chunks: number; readonly error: unknown }

interface Parts {
  readonly db: Database
  readonly delivery: Pick<Delivery, 'push'>
  readonly observe: (event: FanoutEvent) => void
  /** Followers per chunk of a big job. */
  readonly chunkSize: number
  /** Small jobs per statement. */
  readonly batch: number
}

export interface FanoutWorker {
  /** Cuts and pushes until no job is due. One push is under way while the next chunk is cut. */
  drain(signal: AbortSignal): Promise<void>
}

/** Cuts due fan-out jobs into chunks (docs/architecture.md, The write path): rows commit first, the push follows, then the chunk is marked. */
export function createFanoutWorker({ db, delivery, observe, chunkSize, batch }: Parts): FanoutWorker {
  let lane: Lane = 'big'
  const push = (chunks: readonly Chunk[]): Promise<void> =>
    delivery.push(chunks).catch((error) => observe({ type: 'push-failed', chunks: chunks.length, error }))

  /** One transaction: the rows of some chunks and the jobs' progress. Empty when nothing was due. */
  async function cutNext(): Promise<Chunk[]> {
    let jobs: Job[] = []
    // In turn: a lane that always has work must not starve the other.
    lane = lane === 'small' ? 'big' : 'small'
    const preferred = lane
    const cut = (tolerant: boolean) =>
      db.transaction(async (tx) => {
        jobs = await takeJobs(tx, preferred, batch)
        return jobs.length === 0 ? { chunks: [], trim: [] } : cutChunks(tx, jobs, { chunkSize, tolerant })
      })
    try {
      const { chunks, trim } = await cut(false).catch((error) => {
        if (isUniqueViolation(error)) return cut(true)
        throw error
      })
      // A transaction of its own: it locks viewers, which a rebuild holds while it waits for rows of ours.
      await trimTimelines(db, trim, TIMELINE_CAP)
      return chunks
    } catch (error) {
      observe({ type: 'fanout-failed', error })
      for (const job of jobs) await postponeJob(db, job.entry.activityId)
      return []
    }
  }

  return {
    async drain(signal) {
      let pushing: Promise<void> = Promise.resolve()
      while (!signal.aborted) {
        const chunks = await cutNext()
        await pushing
        if (chunks.length === 0) return
        observe({
          type: 'fanout-chunks',
          chunks: chunks.length,
          entries: chunks.reduce((sum, { viewers }) => sum + viewers.length / 19, 0),
        })
        pushing = push(chunks)
      }
      await pushing
    },
  }
}
