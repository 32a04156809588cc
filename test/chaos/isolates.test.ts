import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { expectNothingBroken, SEED, STRESSED, sendStress } from '../support/isolates/stress.ts'
import { type Services, startServices } from '../support/isolates/world.ts'
import { startWorkerd, type Workerd } from '../support/workerd.ts'

let services: Services
let workerd: Workerd
beforeAll(async () => {
  services = await startServices()
  workerd = await startWorkerd({ bundle: inject('cacheBundle'), bindings: services.bindings })
})
afterAll(async () => {
  await workerd?.stop()
  await services?.stop()
})

test('when a third of 10,000 readers leave at random moments none of the others hangs or gets a 500, and no key is left poisoned', async () => {
  const cache = services.world(workerd.urls).cache(STRESSED)
  // Not all of the impatient leave: some are answered soon enough.
  const damage = await sendStress(cache, services.origin, { seed: SEED, requests: 10_000, impatient: 0.4, connections: 200 })
  await expectNothingBroken(cache, services.origin, damage)
  expect(damage.counts[200]).toBeGreaterThan(3_000)
  expect(damage.counts.left).toBeGreaterThan(1_200)
}, 240_000)

test('nor when the work of those who leave is cut wherever it is, as after the 30 s of waitUntil', async () => {
  const cache = services.world(workerd.urls).cache({ ...STRESSED, sharedDeadlineMs: 300, settings: { loadDeadlineMs: 300, maxLoads: 256 } })
  const stress = { seed: SEED, requests: 1_200, impatient: 1 / 3, connections: 200, cut: true } as const
  const damage = await sendStress(cache, services.origin, stress)
  await expectNothingBroken(cache, services.origin, damage)
  expect(damage.counts[200]).toBeGreaterThan(300)
}, 240_000)
