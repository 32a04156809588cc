import { CROWD } from './crowd.ts'
import { FAILOVER } from './failover.ts'
import { FOLLOWS } from './follows.ts'
import { FRESHNESS } from './freshness.ts'
import { PRESENT } from './present.ts'
import type { Protocol } from './protocol.ts'
import { TIMELINE } from './timeline.ts'

/** All parts of the model. */
export const PROTOCOLS: readonly Protocol[] = [TIMELINE, FRESHNESS, CROWD, PRESENT, FOLLOWS, FAILOVER]
