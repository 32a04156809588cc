import type { Cost, Mode, Route } from '../../contract/route.ts'
import type { TierRules } from '../db/tiers.ts'

/** Milliseconds between two steps of the tiers, in which what is due is done. */
const STEP_MS = 1_000

/** By what posts are routed now. */
export interface RoutingRules extends TierRules {
  /** Why the crowd threshold is what it is: lag may have lowered it. */
  readonly crowdWhy: string
  readonly bigLaneFollowers: number
  /** Followers per chunk, and keys per call to L2. */
  readonly chunkSize: number
  readonly keysPerCall: number
}

type Tier = Route['tier'] & { readonly followers: number; readonly nowMs: number }
type Next = Route['next'][number]

/** What becomes of a post that commits now: decided under the lock of its author's row (`insertActivity`). */
export const modeOf = ({ route, hot }: Pick<Tier, 'route' | 'hot'>): Mode => (route === 'pull' ? 'pull' : hot ? 'hot' : 'push')

export const crowdLeave = (rules: RoutingRules): number => Math.ceil(rules.crowdThreshold * rules.leaveShare)
export const hotLeave = (rules: RoutingRules): number => Math.ceil(rules.hotThreshold * rules.hotLeaveShare)

/** Why a post has the mode it has, in words. */
export function whyOf(tier: Tier, rules: RoutingRules): string {
  const { route, hot, followers } = tier
  const count = number(followers)
  if (route === 'pull') {
    return followers >= rules.crowdThreshold
      ? `${count} followers are at least the crowd threshold of ${number(rules.crowdThreshold)}: readers pull its list`
      : `${count} followers are fewer than the crowd threshold of ${number(rules.crowdThreshold)}, and who is pulled stays so down to ${number(crowdLeave(rules))} and for ${span(rules.holdMs)} at least`
  }
  const still = {
    push: '',
    announced: '; it is announced in crowd, and not pulled before every reader knows',
    demoted: '; it was pulled, and stays in crowd until every timeline from then has ended',
  }[route]
  if (!hot) return `${count} followers are too few for another way: a row in each active follower's timeline${still}`
  const held = followers >= rules.hotThreshold ? 'at least' : 'fewer than'
  const why = `${count} followers are ${held} the hot threshold of ${number(rules.hotThreshold)}${held === 'at least' ? '' : ', and who is hot stays so for a while'}`
  return `${why}: no rows, a push to the timelines that are in L2, and fills find the rest${still}`
}

/** What changes next and what it waits for: the way to `crowd` or out of it, and into the mid tier or out of it. */
export const nextOf = (tier: Tier, rules: RoutingRules): Next[] => [...crowdNext(tier, rules), ...hotNext(tier, rules)]

function crowdNext({ route, followers, nowMs, ...tier }: Tier, rules: RoutingRules): Next[] {
  const { crowdThreshold, candidateFloor, timelineLifeMs, announceMs, holdMs } = rules
  const enough = followers >= crowdThreshold
  switch (route) {
    case 'push':
      if (tier.candidateSinceMs === null) {
        if (followers < candidateFloor) return [more('becomes a candidate, which timelines name', candidateFloor - followers)]
        return [due('becomes a candidate, which timelines name', nowMs, nowMs, 'the tiers take their next step')]
      }
      if (!enough) return [more('is announced in crowd', crowdThreshold - followers)]
      return [due('is announced in crowd', tier.candidateSinceMs + timelineLifeMs, nowMs, 'every timeline that does not name it has ended')]
    case 'announced':
      return [due('is pulled', (tier.announcedAtMs ?? nowMs) + announceMs, nowMs, 'every reader has a crowd that names it')]
    case 'pull': {
      const fewest = crowdLeave(rules)
      if (followers >= fewest) return [fewer('is demoted: its posts are pushed again', followers - fewest + 1)]
      return [due('is demoted: its posts are pushed again', (tier.announcedAtMs ?? nowMs) + holdMs, nowMs, 'the hold time has passed')]
    }
    case 'demoted':
      if (enough) return [due('is announced in crowd anew', nowMs, nowMs, 'the tiers take their next step')]
      return [due('leaves crowd', (tier.demotedAtMs ?? nowMs) + timelineLifeMs, nowMs, 'every timeline from before has ended')]
  }
}

function hotNext({ hot, hotChangedAtMs, followers, nowMs }: Tier, rules: RoutingRules): Next[] {
  const heldUntilMs = (hotChangedAtMs ?? 0) + rules.hotHoldMs
  if (!hot && followers < rules.hotThreshold) return [more('is hot: no rows any more', rules.hotThreshold - followers)]
  if (!hot) return [due('is hot: no rows any more', heldUntilMs, nowMs, 'the hold time has passed')]
  const fewest = hotLeave(rules)
  if (followers >= fewest) return [fewer('is hot no more: its posts are rows again', followers - fewest + 1)]
  return [due('is hot no more: its posts are rows again', heldUntilMs, nowMs, 'the hold time has passed')]
}

const more = (change: string, count: number): Next => ({ change, waitsFor: `${number(count)} more followers`, atMs: null })
const fewer = (change: string, count: number): Next => ({ change, waitsFor: `${number(count)} fewer followers`, atMs: null })
const due = (change: string, atMs: number, nowMs: number, waitsFor: string): Next => ({
  change,
  waitsFor: atMs > nowMs ? waitsFor : 'the tiers take their next step',
  atMs: Math.max(atMs, nowMs + STEP_MS),
})

/** What a post of an author with such followers costs in each mode. */
export function costsOf({ active, present }: Pick<Route['followers'], 'active' | 'present'>, rules: RoutingRules): Record<Mode, Cost> {
  /** With the author's own list, which the first chunk carries. */
  const pushTo = (timelines: number) => ({ l2Keys: timelines + 1, l2Calls: Math.ceil((timelines + 1) / rules.keysPerCall) })
  return {
    push: { rows: active, ...pushTo(active), keysPerRead: 0 },
    hot: { rows: 0, ...pushTo(present), keysPerRead: 0 },
    pull: { rows: 0, ...pushTo(0), keysPerRead: 1 },
  }
}

export const chunksOf = (mode: Mode, active: number, { chunkSize }: RoutingRules): number =>
  mode === 'pull' ? 1 : Math.floor(active / chunkSize) + 1

const number = (count: number): string => count.toLocaleString('en')
const span = (ms: number): string => (ms >= 3_600_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 1_000)} s`)
