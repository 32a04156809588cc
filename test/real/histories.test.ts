import { afterAll, beforeAll, expect, test } from 'vitest'
import { type History, historyOf } from '../histories/history.ts'
import type { Blow } from '../histories/real/conductor.ts'
import { explain, playMany } from '../histories/real/many.ts'
import { type Parts, startParts } from '../histories/real/parts.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const HISTORIES = Number(process.env.N ?? 30)
/** Pauses a tenth as long, and the one at the end long enough for everything to be settled. */
const PACE = { speed: 10, longestMs: 6_000 }
/** Both within the first seconds, so that the histories outlive them. */
const BLOWS: readonly Blow[] = [
  { does: 'Redis restarts', from: 500 },
  { does: 'kill origin process', place: 0 },
]

let parts: Parts
beforeAll(async () => {
  parts = await startParts({ timelineMs: 15_000, crowd: 3, replicaLagMs: 100 })
}, 60_000)
afterAll(() => parts?.stop())

test('every page of histories on real parts is as promised, through a Redis that lost writes and a process that was killed', async () => {
  const histories = Array.from({ length: HISTORIES }, (_, i) => historyOf(SEED + i))
  const { outcomes, struck } = await playMany(parts, { histories, atOnce: HISTORIES, pace: PACE, blows: () => (process.env.CALM ? [] : BLOWS), quietMs: 300 })
  const pages = outcomes.reduce((sum, one) => sum + one.pages, 0)
  console.log(`seed ${SEED}: ${outcomes.length} histories, ${pages} pages; ${struck.join('; ')}`)
  if (process.env.ALL)
    for (const one of outcomes.filter((o) => o.broken !== undefined)) console.log([one.seed, one.broken, ...one.story].join('\n'))
  const [broken] = outcomes.filter((one) => one.broken !== undefined)
  const history = histories.find(({ seed }) => seed === broken?.seed)
  if (broken && history) expect.fail(await explain(parts, history as History, broken, PACE))
  expect(outcomes).toHaveLength(HISTORIES)
}, 120_000)
