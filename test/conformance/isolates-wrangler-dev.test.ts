import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { testCases } from '../support/isolates/case.ts'
import { CASES } from '../support/isolates/cases.ts'
import { expectNothingBroken, SEED, STRESSED, sendStress } from '../support/isolates/stress.ts'
import { type Services, startServices } from '../support/isolates/world.ts'
import { startWranglerDev, type WranglerDev } from '../support/wrangler-dev.ts'

vi.setConfig({ maxConcurrency: 16 })

let services: Services
let wrangler: WranglerDev
beforeAll(async () => {
  services = await startServices()
  wrangler = await startWranglerDev({ config: 'test/support/cache-worker/wrangler.toml', bindings: services.bindings })
}, 180_000)
afterAll(async () => {
  await wrangler?.stop()
  await services?.stop()
})

describe('under wrangler dev', () => {
  testCases(
    () => services.world([wrangler.url]),
    CASES.filter(({ smoke }) => smoke),
  )
})

test('of 1,000 readers under wrangler dev none hangs, none gets a 500, and no key is left poisoned', async () => {
  // Loads have longer than elsewhere, or most would come too late where everything is slow.
  const cache = services.world([wrangler.url]).cache({ ...STRESSED, settings: { ...STRESSED.settings, loadDeadlineMs: 3_000 } })
  const damage = await sendStress(cache, services.origin, { seed: SEED, requests: 1_000, impatient: 0, connections: 100 })
  await expectNothingBroken(cache, services.origin, damage)
  expect(damage.counts[200]).toBeGreaterThan(500)
}, 180_000)
