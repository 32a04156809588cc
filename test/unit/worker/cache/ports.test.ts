import { clockCases, memoryTierCases } from 'tideline/cache/conformance'
import { test } from 'vitest'
import { createMemoryTier } from '../../../../worker/cache/memory-tier.ts'
import { clock } from '../../../../worker/runtime.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

test.each(memoryTierCases)('the memory of an isolate: $name', ({ run }) => run({ create: createMemoryTier }))

test.each(clockCases)('the clock of the platform: $name', ({ run }) => run({ clock }))

test.each(clockCases)('the clock of tests: $name', ({ run }) => {
  const virtual = createVirtualClock()
  return run({ clock: virtual, until: virtual.until })
})
