import { type Chunk, DEBT_AFTER_SECONDS, dueIn, markPushed } from '../db/chunks.ts'
import type { Database } from '../db/client.ts'

/** Postgres hears of progress this often (milliseconds): several times before a hold ends. */
const NOTE_MS = 1_000

/** Chunks on their way to L2. */
export interface Hold {
  /** The first so many are in L2. Told at most once a second, and of no consequence if that fails: they are told at the end. */
  progress(whole: number): Promise<void>
  /** It is over: the first so many are in L2, and the others are debts that are due in so many seconds. */
  end(whole: number, secondsToDue: number): Promise<void>
}

/**
 * What this process pushes, or is about to. While its calls are acknowledged nobody else takes that as a debt, however slow Redis is: pushed twice it would make
 * Redis slower still. With the process the hold ends.
 */
export function createHolds(db: Database, clock: { monotonicMs(): number }): { begin(chunks: readonly Chunk[]): Hold } {
  const held = new Set<Chunk>()
  /** All of these were held anew then, or later. */
  let heldSinceMs = 0
  let noting: Promise<void> = Promise.resolve()

  return {
    begin(chunks) {
      let marked = 0
      async function mark(whole: number): Promise<void> {
        if (whole > marked) await markPushed(db, chunks.slice(marked, whole))
        for (const chunk of chunks.slice(marked, whole)) held.delete(chunk)
        marked = whole
      }
      async function note(whole: number): Promise<void> {
        await mark(whole)
        await dueIn(db, [...held], DEBT_AFTER_SECONDS)
      }

      if (held.size === 0) heldSinceMs = clock.monotonicMs()
      for (const chunk of chunks) held.add(chunk)
      return {
        async progress(whole) {
          const nowMs = clock.monotonicMs()
          if (nowMs - heldSinceMs < NOTE_MS) return
          heldSinceMs = nowMs
          noting = note(whole).catch(() => {})
          await noting
        },
        async end(whole, secondsToDue) {
          for (const chunk of chunks) held.delete(chunk)
          await noting // it would hold the rest again
          await mark(whole)
          if (whole < chunks.length) await dueIn(db, chunks.slice(whole), secondsToDue)
        },
      }
    },
  }
}
