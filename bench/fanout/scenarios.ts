import { acknowledged } from './acknowledged.ts'
import { calls } from './calls.ts'
import { curve } from './curve.ts'
import { entries } from './entries.ts'
import { kill } from './kill.ts'
import { lanes } from './lanes.ts'
import { queue } from './queue.ts'
import { rebuilds } from './rebuild.ts'
import type { Scenario } from './scenario.ts'
import { size } from './size.ts'
import { small } from './small.ts'
import { trim } from './trim.ts'
import { visible } from './visible.ts'
import { warmRead } from './warm-read.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  entries,
  small,
  queue,
  visible,
  lanes,
  acknowledged,
  calls,
  kill,
  rebuilds,
  warmRead,
  trim,
  size,
  curve,
]
