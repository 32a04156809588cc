import { expect } from 'vitest'
import { hunt } from './hunt.ts'
import { explain } from './run.ts'
import type { Plant } from './twin/plants.ts'

/** Where seeds begin; `SEED` of the environment says otherwise. */
const SEED = Number(process.env.SEED ?? 20_261_121)
const TELLS_EVERY_MS = 10_000

/** Histories to live through: `HISTORIES` of the environment, or so many. */
export const historiesOr = (usual: number): number => Number(process.env.HISTORIES ?? usual)

/** Lives through histories; where one breaks a promise, fails with its seed and its story. `share` of `shares`: several files divide them. */
export async function expectNoneBroken(count: number, share = 0): Promise<void> {
  const from = SEED + share * count
  const startedAtMs = Date.now()
  let toldAtMs = startedAtMs
  const { found, histories, commands, pages } = await hunt({
    from,
    count,
    goesOn(done) {
      if (Date.now() - toldAtMs < TELLS_EVERY_MS) return true
      toldAtMs = Date.now()
      process.stderr.write(`histories from seed ${from}: ${done} of ${count} after ${Math.round((toldAtMs - startedAtMs) / 1_000)} s\n`)
      return true
    },
  })
  if (found !== undefined) expect.fail(`SEED=${found} HISTORIES=1 repeats it\n${await explain(found)}`)
  process.stderr.write(`${histories} histories from seed ${from}, ${commands} commands, ${pages} pages: all as promised\n`)
}

/** Looks for a planted bug in as many histories as a minute has room for; fails where they do not find it. */
export async function expectFound(plant: Plant, count: number): Promise<void> {
  const { found, histories } = await hunt({ from: SEED, count, plant })
  if (found === undefined) expect.fail(`“${plant}” was not found in ${histories} histories from seed ${SEED}`)
}
