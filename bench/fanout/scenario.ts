import type { Bar, Column, Figures } from '../cache/scenario.ts'
import { spreadText } from '../cache/tables.ts'
import type { World } from './world.ts'

/** One row of the bars, or several of one kind of work: ours beside its peer, in the same rounds. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** What is done, for whoever reads the table. */
  readonly about: string
  readonly columns: readonly Column[]
  readonly bars: readonly Bar[]
  /** In at most so many of the rounds. */
  readonly mostRounds?: number
  /** Prepares what all rounds share; what it made is removed by `close`, or with the world. */
  open(world: World): Promise<Opened>
}

export interface Opened {
  /** Of each row, by its title, the figures of one round. The forms take turns; see `inTurn`. Ratios are taken here, inside the round. */
  round(round: number): Promise<Readonly<Record<string, Figures>>>
  close?(): Promise<void>
}

/** The forms of a round, beginning with another one each time, so that no form always comes first. */
export const inTurn = <T>(forms: readonly T[], round: number): T[] => forms.map((_, i) => forms[(i + round) % forms.length] as T)

/** Runs the forms of a round, each in its turn, and adds to the figures of each how its `perS` stands to that of its peer. */
export async function beside(
  forms: readonly { readonly title: string; readonly peer: string; run(): Promise<Figures & { readonly perS: number }> }[],
  round: number,
): Promise<Readonly<Record<string, Figures>>> {
  const found = new Map<string, Figures & { readonly perS: number }>()
  for (const { title, run } of inTurn(forms, round)) found.set(title, await run())
  const rate = (title: string) => found.get(title)?.perS ?? Number.NaN
  return Object.fromEntries(forms.map(({ title, peer }) => [title, { ...found.get(title), ratio: rate(title) / rate(peer) }]))
}

/** A bar on the median of one figure of one row. */
export const bar = (
  row: string,
  figure: string,
  limit: { readonly atLeast: number } | { readonly atMost: number },
  text: string,
  unit = '',
): Bar => ({
  text,
  judge({ rows }) {
    const found = rows.find(({ title }) => title === row)?.figures[figure]
    if (!found || !('median' in found) || found.runs.length === 0) return { ours: 'not measured', met: undefined }
    const met = 'atLeast' in limit ? found.median >= limit.atLeast : found.median <= limit.atMost
    return { ours: spreadText(found, unit), met }
  },
})
