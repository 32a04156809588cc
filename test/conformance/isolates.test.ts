import { afterAll, beforeAll, describe, inject, vi } from 'vitest'
import { testCases } from '../support/isolates/case.ts'
import { CASES } from '../support/isolates/cases.ts'
import { RUNNERS, type Runner } from '../support/isolates/runners.ts'
import { type Services, startServices } from '../support/isolates/world.ts'

// Most cases wait, and leave the cores to others.
vi.setConfig({ maxConcurrency: 12 })

let services: Services
let runners: readonly Runner[] = []
beforeAll(async () => {
  services = await startServices()
  const options = { bundle: inject('cacheBundle'), bindings: services.bindings }
  runners = await Promise.all(RUNNERS.map(([, start]) => start(options)))
})
afterAll(async () => {
  await Promise.all(runners.map((runner) => runner.stop()))
  await services?.stop()
})

describe.concurrent.each(RUNNERS.map(([name], i) => [name, i] as const))('in %s', (_, i) => {
  testCases(() => services.world(runners[i]?.urls ?? []), CASES)
})
