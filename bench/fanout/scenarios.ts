import { acknowledged } from './acknowledged.ts'
import { calls } from './calls.ts'
import { curve } from './curve.ts'
import { entries } from './entries.ts'
import { kill } from './kill.ts'
import { lanes } from './lanes.ts'
import { queue } from './queue.ts'
import { rebuilds } from './rebuild.ts'
import type { Scenario } from './scenario.ts'
import { small } from './small.ts'
import { visible } from './visible.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [entries, small, queue, visible, lanes, acknowledged, calls, kill, rebuilds, curve]
