import { afterAll, beforeAll, expect, test } from 'vitest'
import { historyOf } from '../histories/history.ts'
import type { Blow } from '../histories/real/conductor.ts'
import { explain, playMany } from '../histories/real/many.ts'
import { type Parts, startParts } from '../histories/real/parts.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const HISTORIES = 24
/** Pauses a twentieth as long: a history takes some seconds. */
const PACE = { speed: 20, longestMs: 2_000 }
/** Both at the beginning, so that the histories outlive them. */
const BLOWS: readonly Blow[] = [
  { does: 'Redis restarts', from: 500 },
  { does: 'kill origin process', place: 0 },
]

let parts: Parts
beforeAll(async () => {
  parts = await startParts({ timelineMs: 15_000, crowd: 3, replicaLagMs: 100 })
}, 180_000)
afterAll(() => parts?.stop(), 120_000)

test('every page of histories on real parts is as promised, through a Redis that lost writes and a process that was killed', async () => {
  const histories = Array.from({ length: HISTORIES }, (_, i) => historyOf(SEED + i))
  const { outcomes, told } = await playMany(parts, { histories, atOnce: HISTORIES, pace: PACE, blows: () => BLOWS, quietMs: 300 })
  console.log(`seed ${SEED}: ${told}`)
  expect(outcomes).toHaveLength(HISTORIES)
  const broken = outcomes.find((one) => one.broken !== undefined)
  const history = histories.find(({ seed }) => seed === broken?.seed)
  if (broken && history) expect.fail(await explain(parts, history, broken, PACE))
}, 300_000)
