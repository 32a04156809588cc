import type { ConsistencyRow } from '../db/consistency.ts'
import type { Answer, ListTruth, ValueTruth } from './judge.ts'

/** A cache that can be asked what it would answer at this moment, without making it load anything. Keys it has no answer for are left out. */
export interface LookedAt {
  /** What the answers are counted under: `L2`, `edge`. */
  readonly place: string
  look(keys: readonly string[]): Promise<readonly Answer[]>
}

/** What Postgres says of the keys of these answers, by key; a key that cannot be judged is left out. To be asked after the caches. */
export type Truths = (answers: readonly Answer[]) => Promise<ReadonlyMap<string, ValueTruth | ListTruth>>

/** A turn that was taken: nobody else looks at these acknowledgements. */
export interface Turn {
  /** Postgres' clock (epoch milliseconds). */
  readonly nowMs: number
  /** Keys whose invalidation or push was acknowledged so long ago that the promise is due, and others at random. At most as many as asked for. */
  readonly keys: readonly string[]
}

/** What was found of one kind of key at one place. */
export type Tally = Omit<ConsistencyRow, 'minuteMs'>

export interface MonitorStore {
  /** Takes the next turn, or undefined where it is not due or somebody else's. */
  take(): Promise<Turn | undefined>
  record(tallies: readonly Tally[]): Promise<void>
}
