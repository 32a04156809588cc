import { entries } from './entries.ts'
import { queue } from './queue.ts'
import type { Scenario } from './scenario.ts'
import { small } from './small.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [entries, small, queue]
