import { historyOf } from './history.ts'
import { playOnTwins } from './run.ts'
import type { Plant } from './twin/plants.ts'

/** What many histories came to. */
export interface Hunted {
  /** The first that broke; undefined where none did. */
  readonly found: number | undefined
  readonly histories: number
  readonly commands: number
  readonly pages: number
}

interface Hunt {
  readonly from: number
  readonly count: number
  readonly plant?: Plant | undefined
  /** Is called after each, and may end it. */
  readonly goesOn?: (histories: number) => boolean
}

/** Lives through histories with seeds from `from` on, until one breaks. */
export async function hunt({ from, count, plant, goesOn = () => true }: Hunt): Promise<Hunted> {
  let pages = 0
  let commands = 0
  for (let i = 0; i < count; i++) {
    const history = historyOf(from + i)
    const played = await playOnTwins(history, plant)
    pages += played.pages
    commands += history.commands.length
    if (played.broken !== undefined) return { found: from + i, histories: i + 1, commands, pages }
    if (!goesOn(i + 1)) return { found: undefined, histories: i + 1, commands, pages }
  }
  return { found: undefined, histories: count, commands, pages }
}
