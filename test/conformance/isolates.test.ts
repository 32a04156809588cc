import { afterAll, beforeAll, describe, inject, vi } from 'vitest'
import { testCases } from '../support/isolates/case.ts'
import { FAILURE_CASES } from '../support/isolates/failure-cases.ts'
import { FRESHNESS_CASES } from '../support/isolates/freshness-cases.ts'
import { LEASE_CASES } from '../support/isolates/lease-cases.ts'
import { RUNNERS, type Runner } from '../support/isolates/runners.ts'
import { SAFETY_CASES } from '../support/isolates/safety-cases.ts'
import { type Services, startServices } from '../support/isolates/world.ts'

vi.setConfig({ maxConcurrency: 12 })

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services?.stop())

describe.each(RUNNERS)('in %s', (_, start) => {
  let runner: Runner
  beforeAll(async () => {
    runner = await start({ bundle: inject('cacheBundle'), bindings: services.bindings })
  })
  afterAll(() => runner?.stop())
  testCases(() => services.world(runner.urls), [...SAFETY_CASES, ...FRESHNESS_CASES, ...LEASE_CASES, ...FAILURE_CASES])
})
