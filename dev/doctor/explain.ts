import type { ReaderRow, Whereabouts } from '../../origin/db/doctor.ts'
import type { Hidden } from '../../origin/db/oracle.ts'
import type { Change } from '../../origin/monitor/judge.ts'
import type { Difference, Kind, Verdict } from './compare.ts'
import type { About, L2Evidence, ListEvidence } from './l2-evidence.ts'

/** All that was found about one difference. What could not be looked at is the reason why, as text. */
export interface Evidence {
  readonly reader: ReaderRow
  readonly about: About
  /** Undefined where Postgres has no such activity. */
  readonly row: Whereabouts | undefined
  readonly l2: L2Evidence | { readonly unseen: string }
  /** What an isolate would answer at this moment for the list that should bring it. */
  readonly edge:
    | { readonly key: string; readonly layer: string; readonly ageMs: number; readonly holds: boolean }
    | { readonly unseen: string }
  /** Invalidations of the keys that decide, which Redis has not acknowledged. */
  readonly owed: readonly (Change & { readonly key: string })[]
}

/** A difference in words. */
export interface Explanation {
  readonly verdict: Verdict
  /** What it is. */
  readonly headline: string
  /** Where it is and where not: a place, and what is there. */
  readonly places: readonly (readonly [place: string, says: string])[]
  /** What follows from that, and what to do. */
  readonly therefore: string
}

const WHAT: Readonly<Record<Kind, string>> = {
  missing: 'is missing',
  leaked: 'is shown, and must not be',
  stranger: 'is shown, and is by nobody the reader follows',
  doubled: 'is shown, and its post stands above already',
  misplaced: 'stands below something older',
  older: 'is missing, and its post stands further down',
  other: 'shows another post than it should',
}
export const BECAUSE: Readonly<Record<Hidden, string>> = {
  deleted: 'it was deleted',
  'root deleted': 'its post was deleted',
  unfollowed: 'the reader unfollowed who brought it',
  muted: 'the reader muted somebody in it',
  blocked: 'one of the two blocks the other',
  private: 'it is for followers only',
  suspended: 'an account in it is suspended',
  'account deleted': 'an account in it was deleted',
}

/** Says a difference in words: where the entry is, where it is missing, which event is late and by how much. */
export function explain(difference: Difference, evidence: Evidence): Explanation {
  const { kind, activityId, activity, agoMs } = difference
  const { row, owed } = evidence
  // What Postgres knows it still owes is late, not wrong.
  const verdict = difference.verdict === 'wrong' && owed.length > 0 ? 'late beyond the promise' : difference.verdict
  const whose = row ? ` by @${row.actor}` : ''
  const why = activity?.now.is === 'hidden' ? ` since ${secondsOf(agoMs)} before the read: ${BECAUSE[activity.now.why]}` : ''
  return {
    verdict,
    headline: `${row?.isRepost ? 'repost' : 'post'} ${activityId}${whose} ${WHAT[kind]}${why}`,
    places: placesOf(evidence),
    therefore: therefore(difference, evidence),
  }
}

/** Where an activity is and where not. */
export const placesOf = (evidence: Evidence): [place: string, says: string][] => [
  ['Postgres', inPostgres(evidence)],
  ...owedOf(evidence),
  ['L2', inL2(evidence)],
  ['edge', atEdge(evidence)],
]

const MODES: Readonly<Record<string, string>> = { push: 'pushed', hot: 'pushed without rows (hot)', pull: 'pulled' }

function inPostgres({ row, reader }: Evidence): string {
  if (!row) return 'has no such post'
  const { mode, audience, route, mintedAtMs, followedSinceMs, copyingDueMs } = row
  const ago = (ms: number) => `${secondsOf(reader.nowMs - ms)} ago`
  const said = [
    `${MODES[mode] ?? mode}${audience === 'followers' ? ', for followers' : ''}, posted ${ago(mintedAtMs)}`,
    followedSinceMs === null ? 'not followed' : `followed since ${momentOf(followedSinceMs)}`,
  ]
  if (copyingDueMs !== null) said.push(`the follow's history is still to be copied, due ${momentOf(copyingDueMs)}`)
  if (mode === 'pull') said.push(`its author's route is ${route}`)
  else said.push(fanOutOf(row, ago), rowOf(row, reader))
  return said.join('; ')
}

function fanOutOf(
  { queuedSinceMs, attempts, putOffUntilMs, insertedAtMs, pushedAtMs, diedAtMs, jobError }: Whereabouts,
  ago: (ms: number) => string,
): string {
  if (pushedAtMs !== null) return `its push was acknowledged ${ago(pushedAtMs)}`
  if (insertedAtMs !== null) return `its chunk was cut ${ago(insertedAtMs)} and Redis has not acknowledged the push`
  if (diedAtMs !== null) return `its fan-out failed too often and is dead since ${ago(diedAtMs)} (npm run dead-jobs): ${jobError}`
  if (queuedSinceMs === null) return 'its fan-out ended more than two hours ago, or this reader came by another way'
  const failed = attempts ? `, failed ${attempts} times` : ''
  return `its fan-out is queued since ${ago(queuedSinceMs)}${failed}${putOffUntilMs === null ? '' : `, put off until ${momentOf(putOffUntilMs)}`}`
}

function rowOf({ mode, inTimeline, belowTimeline, hasEdge }: Whereabouts, { enrolledAtMs }: ReaderRow): string {
  if (enrolledAtMs === null) return 'the reader is dormant: nothing is pushed to them'
  if (inTimeline) return "it is in the reader's rows"
  if (belowTimeline) return "it lies below the reader's rows, where the scroll asks the posts themselves"
  if (mode === 'hot') return `it needs no row, a fill looks for it${hasEdge ? '' : '; no edge of fan-out leads to the reader'}`
  return `it is not in the reader's rows${hasEdge ? '' : ', and no edge of fan-out leads to them'}`
}

const owedOf = ({ owed, reader }: Evidence): [string, string][] =>
  owed.map(({ key, atMs }) => ['owed', `Redis has not acknowledged the invalidation of ${key}, for ${secondsOf(reader.nowMs - atMs)}`])

function inL2({ l2, about, row, reader }: Evidence): string {
  if ('unseen' in l2) return `not looked at: ${l2.unseen}`
  const { timeline, leaseOut, viewer, crowd, authorList, activity, root, author } = l2
  const said: string[] = []
  if (row?.mode === 'pull' || about.actorId === about.viewerId) {
    if (about.actorId !== about.viewerId) {
      said.push(
        `crowd ${crowd === undefined ? 'is absent' : crowd.includes(about.actorId) ? 'names its author' : 'does not name its author'}`,
      )
      if (timeline) said.push(`tl: ${timeline.list.candidates.includes(about.actorId) ? 'names' : 'does not name'} them as a candidate`)
    }
    said.push(`au: ${listSays(authorList, about.activityId)}`)
  } else said.push(`tl: ${listSays(timeline, about.activityId)}${timeline ? versionSays(timeline.truth, reader.followVersion) : ''}`)
  if (leaseOut) said.push('a lease of tl: is out: somebody is loading it')
  if (viewer) {
    const hides = [about.actorId, about.authorId].some((id) => viewer.hides.includes(id))
    said.push(`vw: ${hides ? 'hides it' : 'does not hide it'}${versionSays(viewer.truth, reader.viewVersion)}`)
  } else said.push('vw: is absent')
  said.push(`po: ${activity === undefined ? 'is absent' : `says ${activity}`}`)
  if (about.rootId !== about.activityId) said.push(`po: of its post ${root === undefined ? 'is absent' : `says ${root}`}`)
  said.push(`us: of its author ${author === undefined ? 'is absent' : `says ${author}`}`)
  return said.join('; ')
}

function listSays(found: ListEvidence | undefined, activityId: string): string {
  if (!found) return 'is absent, the next read loads it'
  const { list, pushed } = found
  if (pushed.has(activityId)) return 'holds it, pushed since the fill'
  if (list.entries.some((entry) => entry.activityId === activityId)) return 'holds it'
  return activityId <= list.completeSince ? 'does not reach down to it' : 'lacks it'
}

const versionSays = (has: number, wants: number): string => (has < wants ? ` (version ${has}, Postgres has ${wants})` : '')

function atEdge({ edge }: Evidence): string {
  if ('unseen' in edge) return `not looked at: ${edge.unseen}`
  if (edge.layer === 'none') return `an isolate would load ${edge.key}`
  const from = edge.layer === 'memory' ? `from memory, read ${secondsOf(edge.ageMs)} ago` : 'from L2'
  return `an isolate answers ${edge.key} ${from}, ${edge.holds ? 'with it' : 'without it'}`
}

/** What the places together say. */
function therefore({ kind, activity }: Difference, { l2, row, owed, about }: Evidence): string {
  if (owed.length > 0) return 'Redis is behind: what is owed is paid as soon as it acknowledges (docs/runbook.md, Debts grow).'
  if (kind === 'misplaced' || kind === 'doubled' || kind === 'other') return 'The page itself is wrong: report it with this output.'
  if (!row) return 'A cache knows a post that Postgres does not: was Postgres restored to an earlier point? Then npm run empty-cache.'
  if (activity && activity.journey.state !== 'delivered') return JOURNEYS[activity.journey.state]
  if ('unseen' in l2) return 'What L2 holds would say more.'
  if (kind === 'leaked' || kind === 'stranger') {
    const gone = l2.activity === 'gone' || l2.root === 'gone' || l2.author === 'suspended' || l2.author === 'nobody'
    const hides = l2.viewer?.hides.some((id) => id === about.actorId || id === about.authorId) ?? true
    return gone || hides
      ? 'L2 is right by now: an isolate answered from what it had. Run this again; if it stays, report it.'
      : 'L2 does not know of it although nothing is owed: an invalidation was lost (docs/runbook.md, The monitor reports wrong).'
  }
  return lostAt(l2, row, about)
}

const JOURNEYS = {
  queued: 'Fan-out has not come to it yet (docs/runbook.md, Fan-out lags).',
  inserted: 'Its chunk is cut; Redis has not acknowledged the push (docs/runbook.md, Debts grow).',
  copying: 'The follow is not acknowledged yet: its history is being copied.',
} as const

function lostAt({ timeline, crowd, authorList, viewer, activity, root, author }: L2Evidence, row: Whereabouts, about: About): string {
  const { activityId, actorId, authorId, viewerId } = about
  const lacks = (found: ListEvidence | undefined) => found && listSays(found, activityId) === 'lacks it'
  const lost = 'docs/runbook.md, The monitor reports wrong'
  if (viewer?.hides.some((id) => id === actorId || id === authorId))
    return `vw: hides somebody whom Postgres does not: an invalidation was lost (${lost}).`
  if (activity === 'gone' || root === 'gone') return `L2 has a tombstone of a post that stands (${lost}).`
  if (author === 'suspended' || author === 'nobody') return `us: bars an account that is open: an invalidation was lost (${lost}).`
  if (row.mode === 'pull' && actorId !== viewerId) {
    if (crowd && !crowd.includes(actorId)) return `crowd lacks a pulled author: an invalidation was lost, or its life is over (${lost}).`
    if (timeline && !timeline.list.candidates.includes(actorId))
      return 'The timeline was filled before its author became a candidate: report it, it breaks promise 3.'
    if (lacks(authorList)) return `The author's list lacks it although its push was acknowledged: the push was lost (${lost}).`
  } else {
    if (!row.inTimeline && !row.belowTimeline && actorId !== viewerId)
      return 'Postgres itself has no row for this reader: fan-out passed them by. Report it with this output.'
    if (lacks(actorId === viewerId ? authorList : timeline))
      return `L2's list lacks it although its push was acknowledged: the push was lost (${lost}).`
  }
  return 'All places are right by now: an isolate answered from what it had, or the page was cut. Run this again; if it stays, report it.'
}

export const secondsOf = (ms: number | undefined): string =>
  ms === undefined || !Number.isFinite(ms) ? 'long' : `${(ms / 1_000).toFixed(1)} s`
const momentOf = (atMs: number): string => new Date(atMs).toISOString()
