import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { expectEveryKeyWell, SHORT, sendStress } from '../support/isolates/stress.ts'
import { type Services, startServices } from '../support/isolates/world.ts'
import { startWorkerd } from '../support/workerd.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
/** What a reader is told of whose key nothing is left to serve, and whose load failed. */
const REASONS = /^Error: the origin answered 500$|^DeadlineExceeded: |^Overloaded: /

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services?.stop())

test('10,000 readers, a third of whom leave at random moments: none hangs, none gets a 500, and no key is left poisoned', async () => {
  const workerd = await startWorkerd({ bundle: inject('cacheBundle'), bindings: services.bindings })
  try {
    // Deadlines that a busy machine does not reach for L2; what the origin never answers is given up soon.
    const settings = { sharedDeadlineMs: 5_000, loadDeadlineMs: 1_000, maxLoads: 256 }
    const cache = services.world(workerd.urls).cache({ lifetimes: SHORT, settings, quiet: true })
    const stress = { seed: SEED, requests: 10_000, leavers: 1 / 3, connections: 200 }
    const beganAtMs = performance.now()
    const { counts, reasons, wrong } = await sendStress(cache, services.origin, stress)
    console.log(`seed ${SEED}`, counts, reasons, `${Math.round(performance.now() - beganAtMs)} ms, ${services.origin.loads('').length} loads`)
    const { 200: served = 0, 503: refused = 0, left = 0 } = counts
    expect(counts, `seed ${SEED}`).toEqual({ 200: served, left, ...(refused > 0 && { 503: refused }) })
    expect(reasons.filter((reason) => !REASONS.test(reason))).toEqual([])
    expect(wrong).toEqual([])
    expect(served).toBeGreaterThan(5_000)
    expect(left).toBeGreaterThan(1_000)
    await expectEveryKeyWell(cache, services.origin)
    console.log(`${Math.round(performance.now() - beganAtMs)} ms`)
  } finally {
    await workerd.stop()
  }
}, 90_000)
