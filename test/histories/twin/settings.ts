import type { FeedLifetimes } from '../../../worker/feed/keys.ts'
import type { TwinRules } from './rows.ts'

/** Milliseconds. */
export const SECOND = 1_000
/** Of hours and days, seconds. */
export const RULES: TwinRules = {
  timelineCap: 8,
  authorListCap: 5,
  maxPulled: 1,
  mergedCap: 4,
  chunkSize: 2,
  crowdThreshold: 3,
  leaveShare: 0.8,
  holdMs: 5 * SECOND,
  candidateFloor: 2,
  timelineLifeMs: 40 * SECOND,
  hotThreshold: 2,
  hotLeaveShare: 0.8,
  hotHoldMs: 3 * SECOND,
  presentMs: 48 * SECOND,
  presentLeastMs: 46 * SECOND,
  announceMs: 15 * SECOND,
  departureMs: 45 * SECOND,
  dormantMs: 60 * SECOND,
  debtAfterMs: 5 * SECOND,
  popularEveryMs: 10 * SECOND,
  sweepSize: 3,
}
const DAY_MS = 60 * SECOND
export const LIFETIMES: FeedLifetimes = {
  timeline: { softMs: 12 * SECOND, hardMs: 40 * SECOND, graceMs: 0, absentMs: 2 * SECOND },
  crowd: { softMs: 5 * SECOND, hardMs: 10 * SECOND, graceMs: DAY_MS, absentMs: 2 * SECOND },
  author: { softMs: 15 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 2 * SECOND },
  post: { softMs: 15 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 2 * SECOND },
  user: { softMs: 15 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 2 * SECOND },
  viewer: { softMs: 15 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 5 * SECOND },
  relation: { softMs: 10 * SECOND, hardMs: 20 * SECOND, graceMs: 0, absentMs: 2 * SECOND },
  counts: { softMs: 10 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 10 * SECOND },
  marks: { softMs: 15 * SECOND, hardMs: DAY_MS, graceMs: DAY_MS, absentMs: 5 * SECOND },
  merged: { softMs: 2 * SECOND, hardMs: 3 * SECOND, graceMs: DAY_MS, absentMs: 2 * SECOND },
  popular: { softMs: 10 * SECOND, hardMs: 30 * SECOND, graceMs: DAY_MS, absentMs: 5 * SECOND },
}
