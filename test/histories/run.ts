import { createHistoryClock } from './clock.ts'
import type { History } from './history.ts'
import { historyOf } from './history.ts'
import { type Played, play } from './play.ts'
import { createTwinDriver } from './twin/driver.ts'
import type { Plant } from './twin/plants.ts'

/** Promise 4 (milliseconds). */
const SETTLED_MS = 5_000

/** Lives through a history on the twins. */
export async function playOnTwins(history: History, plant?: Plant, tells = false): Promise<Played> {
  const clock = createHistoryClock(1_763_700_000_000)
  const beats = history.commands.some(({ does }) => does === 'Redis restarts' || does === 'flush Redis')
  const driver = createTwinDriver(clock, { seed: history.seed, has: (one) => one === plant, beats })
  try {
    return await clock.until(play(history, driver, { settledMs: SETTLED_MS, tells }))
  } finally {
    driver.close()
  }
}

/** The shortest history that still breaks: commands are left out, in ever smaller pieces, and pauses shortened, while it does. */
export async function shrink(history: History, plant?: Plant): Promise<History> {
  let best = history
  const isBroken = async (candidate: History): Promise<boolean> => (await playOnTwins(candidate, plant)).broken !== undefined
  async function attempt(candidate: History): Promise<boolean> {
    if (!(await isBroken(candidate))) return false
    best = candidate
    return true
  }
  for (let size = Math.ceil(best.commands.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let at = best.commands.length - size; at >= 0; at -= size) {
      await attempt({ ...best, commands: best.commands.toSpliced(Math.max(0, at), size) })
    }
    if (size === 1) break
  }
  for (let at = best.follows.length - 1; at >= 0; at--) await attempt({ ...best, follows: best.follows.toSpliced(at, 1) })
  for (let count = best.earlier.length; count > 0; count = Math.floor(count / 2)) {
    while (best.earlier.length >= count && (await attempt({ ...best, earlier: best.earlier.slice(count) })));
  }
  for (const [at, command] of best.commands.entries()) {
    for (const thenMs of [0, 100, 1_000]) {
      if (command.thenMs > thenMs && (await attempt({ ...best, commands: best.commands.with(at, { ...command, thenMs }) }))) break
    }
  }
  return best
}

/** Seed and story of a history that broke, shrunk. */
export async function explain(seed: number, plant?: Plant): Promise<string> {
  const shrunk = await shrink(historyOf(seed), plant)
  const { broken, story } = await playOnTwins(shrunk, plant, true)
  return [`history ${seed}${plant ? ` with “${plant}”` : ''}: ${broken}`, ...story].join('\n')
}
