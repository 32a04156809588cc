import { test } from 'node:test'
import { sharedTierCases } from 'tideline/cache/conformance'
import { createMapTier } from './tier.ts'

const tier = createMapTier()
for (const { name, run } of sharedTierCases) test(name, () => run({ tier }))
