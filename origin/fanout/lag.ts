import type { CrowdShare } from '../db/lag.ts'

/** When the crowd threshold follows lag. All times are milliseconds. */
export interface LagRules {
  /** Above it the threshold falls. */
  readonly highMs: number
  /** Below it the lane is calm. */
  readonly lowMs: number
  /** From one change to the next: an announcement must have taken effect. */
  readonly stepMs: number
  /** Calm that is needed for each step back. */
  readonly calmMs: number
}

/** What is seen at one moment. */
export interface Seen {
  readonly nowMs: number
  /** Age of the oldest job of the big lane. */
  readonly lagMs: number
  /** No lower share is of use, or allowed; in [0, 1]. */
  readonly leastShare: number
}

/** High lag that is less than this share of what it was a step ago shrinks: a backlog is worked off, and the oldest job is old until it is done. */
const SHRINKS = 0.9
/** Before the first fall lag is looked at for this share of a step: what a restart left is gone by then, or shrinks. */
const LOOK = 0.5

/**
 * The share of the crowd threshold that lag calls for: it halves when lag is high and does not shrink for half a step, and again at each step at which it has not; it
 * doubles back to 1 after calm. Lag between the two marks changes nothing but ends the calm: a lane that is now and then at its limit is not given more to do.
 */
export function nextShare(state: CrowdShare, { nowMs, lagMs, leastShare }: Seen, rules: LagRules): CrowdShare {
  const { share, judgedAtMs, judgedLagMs, calmSinceMs } = state
  const rested = nowMs - judgedAtMs >= rules.stepMs
  const looked = nowMs - judgedAtMs >= LOOK * rules.stepMs
  if (lagMs > rules.highMs) {
    const first = share === 1 && judgedLagMs === 0
    if (first && rested) return { ...state, judgedAtMs: nowMs, judgedLagMs: lagMs }
    if (first || !(share === 1 ? looked : rested)) return { ...state, calmSinceMs: null }
    const lower = lagMs < SHRINKS * judgedLagMs ? share : Math.max(share / 2, leastShare)
    return { share: Math.min(share, lower), judgedAtMs: nowMs, judgedLagMs: lagMs, calmSinceMs: null }
  }
  if (lagMs >= rules.lowMs || share >= 1) return { ...state, judgedLagMs: 0, calmSinceMs: null }
  if (calmSinceMs === null) return { ...state, judgedLagMs: 0, calmSinceMs: nowMs }
  if (!rested || nowMs - calmSinceMs < rules.calmMs) return state
  const higher = Math.min(1, 2 * share)
  return { share: higher, judgedAtMs: nowMs, judgedLagMs: 0, calmSinceMs: higher < 1 ? nowMs : null }
}
