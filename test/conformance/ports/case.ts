/** One thing that every implementation of a port must do. It needs no framework: `run` rejects where it is not done. */
export interface Case<Subject> {
  readonly name: string
  run(subject: Subject): Promise<void>
}

/** Repeats `check` until it no longer throws, letting `pauseMs` pass in between; after `patienceMs` it throws what `check` threw last. */
export async function eventually(check: () => Promise<void>, pass: (ms: number) => Promise<void>, patienceMs = 10_000): Promise<void> {
  const pauseMs = 10
  for (let passedMs = 0; ; passedMs += pauseMs) {
    try {
      return await check()
    } catch (error) {
      if (passedMs >= patienceMs) throw error
      await pass(pauseMs)
    }
  }
}
