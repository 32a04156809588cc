import { failingLoader } from './failing-loader.ts'
import { failingStampede } from './failing-stampede.ts'
import { herd } from './herd.ts'
import { hotKey } from './hot-key.ts'
import { l1Hits } from './l1-hits.ts'
import { redisOutage } from './redis-outage.ts'
import { roundTrips } from './round-trips.ts'
import type { Scenario } from './scenario.ts'
import { staleSet } from './stale-set.ts'
import { stampede } from './stampede.ts'
import { inWorkerd } from './workerd.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  l1Hits,
  stampede,
  failingStampede,
  herd,
  hotKey,
  failingLoader,
  staleSet,
  redisOutage,
  roundTrips,
  inWorkerd,
]
