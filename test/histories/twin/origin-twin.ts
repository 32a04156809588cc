import { MAX_PULLED, MERGED_CAP } from '../../../contract/timeline.ts'
import { createMemorySharedTier } from '../../support/memory-shared-tier.ts'
import { mulberry32 } from '../../support/random.ts'
import type { HistoryClock } from '../clock.ts'
import { createNetwork } from './network.ts'
import { createServers } from './origin.ts'
import { createReads } from './reads.ts'
import type { TwinRules } from './rows.ts'
import { addUser, createState } from './state.ts'
import { createWrites } from './writes.ts'

const HOUR = 3_600_000
/** As the origin is set in real life. */
const REAL: TwinRules = {
  timelineCap: 800,
  maxPulled: MAX_PULLED,
  mergedCap: MERGED_CAP,
  authorListCap: 400,
  chunkSize: 1_000,
  crowdThreshold: 1_000_000,
  leaveShare: 0.8,
  holdMs: 24 * HOUR,
  candidateFloor: 900_000,
  timelineLifeMs: 24 * HOUR,
  hotThreshold: 10_000,
  hotLeaveShare: 0.8,
  hotHoldMs: HOUR,
  presentMs: 27 * HOUR,
  presentLeastMs: 26 * HOUR,
  announceMs: 15_000,
  departureMs: 25 * HOUR,
  dormantMs: 30 * 24 * HOUR,
  debtAfterMs: 5_000,
  popularEveryMs: 30_000,
  sweepSize: 500,
}

/** The twin of the origin by itself, with some people. */
export function createOriginTwin(clock: HistoryClock, seed: number, people: number) {
  const random = mulberry32(seed)
  const network = createNetwork(random)
  const state = createState(clock.nowMs, REAL, () => false)
  const l2 = createMemorySharedTier(clock, { wayMs: network.l2Ms })
  const servers = createServers({ clock, random, l2, network, state, beats: false })
  const ids = Array.from({ length: people }, (_, i) => String(1_500_000_000_000_000_000n + BigInt(i)))
  for (const [i, id] of ids.entries()) addUser(state, id, `user-${i}`)
  servers.start()
  return { people: ids, write: createWrites(state, servers, clock), reads: createReads(state, servers), close: servers.close }
}
