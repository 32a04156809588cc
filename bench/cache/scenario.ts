import { type Case, titleOf } from './contender.ts'
import type { Spread } from './statistics.ts'
import type { World } from './world.ts'

/** Figures of one run of one case. */
export type Figures = Readonly<Record<string, number | string>>

export interface Column {
  readonly figure: string
  readonly title: string
  /** What stands behind the number. */
  readonly unit?: string
}

/** What must hold of ours. */
export interface Bar {
  /** What is asked of it, as the issue says it. */
  readonly text: string
  /** What we have; `met` is undefined where it cannot be told. */
  judge(results: Results): { readonly ours: string; readonly met: boolean | undefined }
}

/** One kind of work that every contender is given. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** What is done, for whoever reads the table. */
  readonly about: string
  readonly cases: readonly Case[]
  readonly columns: readonly Column[]
  readonly bars: readonly Bar[]
  /** How many places of the machine a case takes; all of them where a figure is of speed. */
  readonly weight: number | 'all'
  /** Longest time that a case may take (milliseconds). */
  readonly deadlineMs: number
  /** In at most so many of the runs. */
  readonly mostRuns?: number
  measure(one: Case, world: World): Promise<Figures>
}

/** The figures of a scenario by case, in every run. */
export interface Results {
  readonly name: string
  /** In the order of the table. `failures` are of runs that gave no figures. */
  readonly rows: readonly Row[]
  /** What cases kept beside their figures, by their titles and in the order of runs. */
  readonly notes: Readonly<Record<string, readonly (readonly number[])[]>>
}

export interface Row {
  readonly title: string
  readonly figures: Readonly<Record<string, Spread | readonly string[]>>
  readonly failures: readonly string[]
}

/** The spread of a figure of a case; undefined where no run gave one. */
export function spreadIn(results: Results, one: Case, figure: string): Spread | undefined {
  const found = results.rows.find(({ title }) => title === titleOf(one))?.figures[figure]
  return found && 'median' in found && found.runs.length > 0 ? found : undefined
}

/** A bar on one figure of ours. */
export const barOn = (
  one: Case,
  figure: string,
  text: string,
  holds: (spread: Spread) => boolean,
  show: (spread: Spread) => string,
): Bar => ({
  text,
  judge(results) {
    const spread = spreadIn(results, one, figure)
    return spread ? { ours: show(spread), met: holds(spread) } : { ours: 'not measured', met: undefined }
  },
})
