import type { Queryable } from '../db/client.ts'
import { bigLaneLagMs, type CrowdShare, noteCrowdShare, takeCrowdShare, thresholdOfMostAuthors } from '../db/lag.ts'
import { type LagRules, nextShare } from './lag.ts'

export interface CrowdThresholdEvent {
  readonly type: 'crowd-threshold'
  /** Followers, from now on and until now. */
  readonly threshold: number
  readonly was: number
  readonly why: string
}

interface Rules extends LagRules {
  /** Followers: as it is set, and what lag may lower it to. */
  readonly threshold: number
  readonly floor: number
  /** So many authors may be in the crowd: where more have followers enough, the threshold is higher than it is set. */
  readonly maxAuthors: number
}

export interface CrowdThreshold {
  /** Followers from which on authors are pulled at present. */
  readonly threshold: number
  /** Why it is what it is. */
  readonly why: string
  /** Where lag has just moved it. */
  readonly moved: CrowdThresholdEvent | undefined
}

/**
 * Moves the crowd threshold with the lag of the big lane, and says what it is. Undefined where another process does so at this moment. Run it in the transaction
 * that steps the tiers by it.
 */
export async function stepCrowdThreshold(tx: Queryable, rules: Rules): Promise<CrowdThreshold | undefined> {
  const state = await takeCrowdShare(tx)
  if (!state) return undefined
  const lagMs = await bigLaneLagMs(tx)
  const ofMostAuthors = await thresholdOfMostAuthors(tx, rules.maxAuthors)
  if (ofMostAuthors > rules.threshold)
    return { threshold: ofMostAuthors, why: 'higher than it is set: MAX_CROWD_AUTHORS lets no more authors in', moved: undefined }
  const atRest = state.share >= 1 && state.judgedLagMs === 0
  if (atRest && lagMs <= rules.highMs) return { threshold: rules.threshold, why: 'as it is set', moved: undefined }
  const least = Math.max(rules.floor, ofMostAuthors)
  const { nowMs, ...before } = state
  const after = nextShare(before, { nowMs, lagMs, leastShare: least / rules.threshold }, rules)
  if (!same(before, after)) await noteCrowdShare(tx, after)
  const thresholdAt = (share: number): number => Math.max(least, Math.round(rules.threshold * share))
  const [threshold, was] = [thresholdAt(after.share), thresholdAt(before.share)]
  const said = threshold < rules.threshold ? 'lag has lowered it' : 'as it is set'
  const bound = ofMostAuthors > rules.floor ? 'MAX_CROWD_AUTHORS' : 'CROWD_FLOOR'
  const why = threshold === least ? `${said}, and ${bound} lets it fall no further` : said
  if (threshold === was) return { threshold, why, moved: undefined }
  const because = threshold < was ? `the oldest job of the big lane waits ${(lagMs / 1000).toFixed(1)} s` : 'the big lane keeps up'
  return { threshold, why, moved: { type: 'crowd-threshold', threshold, was, why: because } }
}

const same = (a: CrowdShare, b: CrowdShare): boolean =>
  a.share === b.share && a.judgedAtMs === b.judgedAtMs && a.judgedLagMs === b.judgedLagMs && a.calmSinceMs === b.calmSinceMs
