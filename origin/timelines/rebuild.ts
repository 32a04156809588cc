import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { type Database, prepared } from '../db/client.ts'
import { rebuild } from '../db/rebuilds.ts'

export interface RebuildEvent {
  readonly type: 'rebuild-failed'
  readonly error: unknown
}

/** The rows of viewers who have been answered from the posts. */
export interface Rebuilds {
  /** Writes them when it is this viewer's turn. */
  later(viewerId: bigint): void
  /** Forgets who waits, and waits for who does not. */
  close(): Promise<void>
}

/** More who wait are forgotten: their next fill is answered from the posts as well, and comes by here again. */
const MAX_WAITING = 10_000

/**
 * Writes rows behind the answers, one viewer at a time: however many return at once, loads keep their connections. The enrolment has committed before:
 * a post committed before the rebuild's snapshot is found by it, a later one's fan-out finds the edges. Doing it twice is harmless.
 */
export function createRebuilds(db: Database, observe: (event: RebuildEvent) => void): Rebuilds {
  const waiting = new Set<bigint>()
  let working: Promise<void> | undefined

  async function work(): Promise<void> {
    for (const viewerId of waiting) {
      waiting.delete(viewerId)
      await db
        .transaction((tx) => rebuild(prepared(tx), viewerId, TIMELINE_CAP))
        .catch((error) => observe({ type: 'rebuild-failed', error }))
    }
    working = undefined
  }
  return {
    later(viewerId) {
      if (waiting.size < MAX_WAITING) waiting.add(viewerId)
      working ??= work()
    },
    async close() {
      waiting.clear()
      await working
    },
  }
}
