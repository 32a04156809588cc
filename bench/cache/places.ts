/** A piece of work, and how many of the machine's places it takes while it runs. */
export interface Job {
  readonly weight: number
  readonly run: () => Promise<void>
}

/** Runs all jobs, in order as far as places allow: never more weight at once than `places`. A heavier job runs alone. */
export async function runInPlaces(jobs: readonly Job[], places: number): Promise<void> {
  const running = new Set<Promise<void>>()
  let taken = 0
  for (const job of jobs) {
    const weight = Math.min(job.weight, places)
    while (taken + weight > places) await Promise.race(running)
    taken += weight
    const work: Promise<void> = job.run().finally(() => {
      taken -= weight
      running.delete(work)
    })
    running.add(work)
  }
  await Promise.all(running)
}
