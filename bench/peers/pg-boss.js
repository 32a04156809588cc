import { PgBoss } from 'pg-boss'

const QUEUE = 'fan-out'

/** Tuned for this work: jobs in batches, done in the transaction that takes them, woken by NOTIFY; it commits as our workers do. */
export async function openQueue({ databaseUrl, batch, workers }) {
  const url = new URL(databaseUrl)
  url.searchParams.set('options', '-c synchronous_commit=off')
  const boss = new PgBoss({ connectionString: url.href, useListenNotify: true, max: workers + 4 })
  boss.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
  await boss.start()
  await boss.createQueue(QUEUE, { notify: true, partition: true, retryLimit: 5, expireInSeconds: 30, heartbeatSeconds: 10 })
  return {
    insert: (jobs) =>
      boss.insert(
        QUEUE,
        jobs.map((data) => ({ data })),
      ),
    clear: () => boss.deleteAllJobs(QUEUE),
    /** Runs `perform(jobs, execute)` on every batch until `stop` of what it answers. */
    async work(perform) {
      await boss.work(
        QUEUE,
        { batchSize: batch, localConcurrency: workers, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true, transactional: true },
        (jobs, tx) =>
          perform(
            jobs.map(({ data }) => data),
            (text, values) => tx.executeSql(text, values),
          ),
      )
      return { stop: () => boss.offWork(QUEUE) }
    },
    close: () => boss.stop({ graceful: false }),
  }
}
