import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KilledFanout, startKilledFanout } from '../support/killed-fanout.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const KILLS = 200
const PROCESSES = 3
const COMPARED_EVERY = 20

let world: KilledFanout

beforeAll(async () => {
  world = await startKilledFanout(SEED)
}, 120_000)
afterAll(() => world?.stack.stop())

test(`of ${PROCESSES} processes that share the work one is killed at ${KILLS} random instants: 0 lost, 0 doubled, and the others go on alone`, async () => {
  const working = await Promise.all(Array.from({ length: PROCESSES }, () => world.start()))
  for (let kill = 1; kill <= KILLS; kill++) {
    const [victim] = working.splice(Math.floor(world.random() * working.length), 1)
    const next = world.start()
    if (victim) await world.killWhileItWorks(victim)
    working.push(await next)
    if (kill % COMPARED_EVERY > 0) continue
    await world.settled()
    await world.compare()
  }
  await world.settled()
  const { entries } = await world.compare()
  expect(entries).toBeGreaterThan(KILLS)
  await Promise.all(working.map((one) => one.kill()))
}, 1_800_000)
