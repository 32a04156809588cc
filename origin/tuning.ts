import { MAX_PUSHED_KEYS } from '../contract/l2/calls.ts'
import { keyOf } from '../contract/l2/keys.ts'
import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import { noteInForce, readInForce, readSettings } from './db/settings.ts'
import { stepTiers, type TierRules } from './db/tiers.ts'
import { type CrowdThresholdEvent, stepCrowdThreshold } from './fanout/crowd-threshold.ts'
import type { RoutingRules } from './fanout/route.ts'
import type { Settle } from './fanout/settle.ts'
import { type InForce, type Thresholds, thresholdsOf } from './thresholds.ts'

export type TuningEvent =
  | CrowdThresholdEvent
  | { readonly type: 'setting-changed'; readonly name: string; readonly value: number; readonly from: string }
  | { readonly type: 'setting-refused'; readonly name: string; readonly error: string }

interface Parts {
  readonly db: Database
  readonly config: Config
  readonly settle: Settle
  readonly observe: (event: TuningEvent) => void
}

export interface Tuning {
  /** As they were read last. */
  readonly thresholds: Thresholds
  /** Reads what was tuned. A setting that does not parse is told and changes nothing. */
  refresh(): Promise<void>
  /** One step of all tiers, by the thresholds of now. */
  stepTiers(): Promise<void>
  /** By what authors are sorted now, for whoever asks: the crowd threshold as the last step of the tiers found it. */
  routing(): Promise<RoutingRules>
}

/** The thresholds that this process goes by while it runs, and the step of the tiers that goes by them (docs/architecture.md, Lag). */
export function createTuning({ db, config, settle, observe }: Parts): Tuning {
  let inForce = thresholdsOf(config, {})

  async function refresh(): Promise<void> {
    const before = inForce
    inForce = thresholdsOf(config, await readSettings(db))
    for (const change of changesOf(before, inForce)) observe(change)
  }

  return {
    get thresholds() {
      return inForce.thresholds
    },
    refresh,
    async stepTiers() {
      await refresh()
      const { thresholds: set, settings, refused } = inForce
      const stepped = await db.transaction(async (tx) => {
        const crowd = await stepCrowdThreshold(tx, {
          threshold: set.CROWD_THRESHOLD,
          floor: set.CROWD_FLOOR,
          maxAuthors: set.MAX_CROWD_AUTHORS,
          highMs: set.LAG_HIGH_MS,
          lowMs: set.LAG_LOW_MS,
          stepMs: set.LAG_STEP_MS,
          calmMs: set.LAG_CALM_MS,
        })
        if (!crowd) return undefined
        await noteInForce(tx, { settings, refused, crowdThreshold: crowd.threshold, why: crowd.why })
        return { moved: crowd.moved, owed: await stepTiers(tx, rulesOf(config, set, crowd.threshold), keyOf.crowd()) }
      })
      if (stepped?.moved) observe(stepped.moved)
      if (stepped) await settle(stepped.owed)
    },
    async routing() {
      await refresh()
      const set = inForce.thresholds
      const noted = await readInForce(db)
      const crowdThreshold = noted?.crowdThreshold ?? set.CROWD_THRESHOLD
      return {
        ...rulesOf(config, set, crowdThreshold),
        crowdWhy: noted?.why ?? 'as it is set',
        bigLaneFollowers: set.BIG_LANE_FOLLOWERS,
        chunkSize: config.CHUNK_SIZE,
        keysPerCall: MAX_PUSHED_KEYS,
      }
    },
  }
}

const rulesOf = (config: Config, set: Thresholds, crowdThreshold: number): TierRules => ({
  crowdThreshold,
  leaveShare: set.CROWD_LEAVE_SHARE,
  holdMs: set.CROWD_HOLD_MS,
  candidateFloor: set.CROWD_FLOOR,
  timelineLifeMs: config.TIMELINE_LIFE_MS,
  announceMs: config.ANNOUNCE_MS,
  hotThreshold: set.HOT_THRESHOLD,
  hotLeaveShare: set.HOT_LEAVE_SHARE,
  hotHoldMs: set.HOT_HOLD_MS,
})

/** What an operator wants to read in the log. */
function* changesOf(before: InForce, after: InForce): Generator<TuningEvent> {
  const known = new Map<string, number>(Object.entries(before.thresholds))
  for (const [name, { value, from }] of Object.entries(after.settings)) {
    if (value !== known.get(name)) yield { type: 'setting-changed', name, value, from }
  }
  for (const [name, error] of Object.entries(after.refused)) {
    if (error !== before.refused[name]) yield { type: 'setting-refused', name, error }
  }
}
