import type { Cut, FailedJob, Lane } from '../db/jobs.ts'

/**
 * The queue as fan-out workers see it: what keeps jobs, and hands out their next chunks. Postgres is one (origin/db/jobs.ts); a distributed log can be
 * another. test/conformance/job-queue.test.ts says what each must do:
 *
 * - A chunk is handed out once its rows are there, and then the job's progress is kept. What a process that dies leaves is handed out again, by itself; a queue that
 *   hands out a chunk twice relies on the primary keys of rows and chunks, which make the effect once.
 * - Within a lane, no author waits for the backlog of another, nor for what they themselves had done while nobody waited; a job of many chunks lets others in between.
 * - Any number of workers in any number of processes call at the same time.
 */
export interface JobQueue {
  /**
   * Cuts chunks of the next jobs, from the preferred lane if it has any due; empty when no job is due, and `drained` when it knows that none is left.
   * Rejects when nothing was done, and the caller goes on job by job, so that one which cannot be done takes no other with it. With `tolerant`, rows that
   * are there already do no harm; a queue may be so always.
   * With `owed`, nobody is about to push these chunks: whoever pays debts may take them at once.
   */
  cutBatch(preferred: Lane, options: { readonly owed: boolean; readonly tolerant: boolean }): Promise<Cut>
  /**
   * The same for one job. One that fails is put off, longer each time, and dead after too many attempts. One that may not be to blame (`blameFor`) is put off
   * however often. Rejects where nothing would work: that is nobody's attempt.
   */
  cutOne(preferred: Lane, options: { readonly owed: boolean }): Promise<Cut & { readonly failed?: FailedJob }>
}
