/**
 * What every implementation of a port of the cache must do, as data: `for (const { name, run } of sharedTierCases) test(name, () => run(…))`
 * in any framework. This is `tideline/cache/conformance`; docs/cache.md shows it used.
 */
export type { Held, Lifetime, Stored } from '../../worker/cache/entry.ts'
export type { MemoryTier } from '../../worker/cache/memory-tier.ts'
export type { Invalidated, LeaseAnswer, SharedTier, Wanted } from '../../worker/cache/ports.ts'
export type { Item } from '../../worker/standalone.ts'
export { type AilingTierSubject, ailingTierCases } from './ports/ailing-tier.ts'
export type { Case } from './ports/case.ts'
export { type ClockSubject, clockCases } from './ports/clock.ts'
export { type LoadSubject, loadCases } from './ports/load.ts'
export { type MemoryTierSubject, memoryTierCases } from './ports/memory-tier.ts'
export { sharedTierCases } from './ports/shared-tier.ts'
export type { SharedTierSubject } from './ports/words.ts'
