import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { expectNothingBroken, SEED, STRESSED, sendStress } from '../support/isolates/stress.ts'
import { type Services, startServices } from '../support/isolates/world.ts'
import { startWorkerd } from '../support/workerd.ts'

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services?.stop())

test.each([
  [50_000, SEED],
  [10_000, SEED + 10],
  [10_000, SEED + 20],
  [10_000, SEED + 30],
])(
  'of %d readers a third leaves at random moments, by the seed %d; nothing is broken',
  async (requests, seed) => {
    const workerd = await startWorkerd({ bundle: inject('cacheBundle'), bindings: services.bindings })
    try {
      const cache = services.world(workerd.urls).cache(STRESSED)
      const damage = await sendStress(cache, services.origin, { seed, requests, impatient: 0.4, connections: 200 })
      await expectNothingBroken(cache, services.origin, damage)
      expect(damage.counts[200]).toBeGreaterThan(requests / 3)
    } finally {
      await workerd.stop()
    }
  },
  300_000,
)
