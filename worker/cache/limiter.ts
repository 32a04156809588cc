/** Thrown when a bulkhead is full: the caller serves something older, or refuses. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded'
}

/** At most `max` at once; the rest is refused at once, since whoever waits here has a deadline already. */
export interface Limiter {
  run<T>(work: () => Promise<T>): Promise<T>
  readonly full: boolean
}

export function createLimiter(max: number): Limiter {
  let running = 0
  return {
    async run(work) {
      if (running >= max) throw new Overloaded('too many loads at once')
      running++
      try {
        return await work()
      } finally {
        running--
      }
    },
    get full() {
      return running >= max
    },
  }
}
