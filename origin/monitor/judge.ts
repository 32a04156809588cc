/** An entry of a list, as far as it is compared. */
export interface SeenEntry {
  readonly activityId: string
  readonly actorId: string
}

/** What a cache answered for a key. */
export interface Answer {
  readonly key: string
  /** The truth version it bears. */
  readonly truth: number
  readonly says:
    | { readonly is: 'value'; readonly digest: string }
    /** Everything its source has above `since`. */
    | { readonly is: 'list'; readonly since: string; readonly entries: readonly SeenEntry[] }
}

/** A change that the caches of a key were told of, or are still to be told: a row of `invalidations`. Moments are Postgres' (epoch milliseconds). */
export interface Change {
  readonly truth: number
  readonly atMs: number
  /** When Redis acknowledged; undefined while that is owed. */
  readonly acknowledgedAtMs: number | undefined
}

/** What Postgres says of a key whose answer is one value. */
export interface ValueTruth {
  readonly truth: number
  readonly digest: string
  readonly changes: readonly Change[]
  /**
   * Set where the difference may come from a change that is not told key by key: when that happened last, and whether it is still being carried
   * out while another key keeps the old value from being shown, or while it is not acknowledged.
   */
  readonly untold: { readonly changedAtMs: number; readonly covered: boolean } | undefined
}

/** What Postgres says of a list. */
export interface ListTruth {
  readonly truth: number
  /** Readers take no list below it. */
  readonly leastTruth: number
  readonly changes: readonly Change[]
  /** When the viewer's follows, or the author's account, changed last (epoch milliseconds). */
  readonly changedAtMs: number
  /** What a list above `since` must hold: delivered to it at a moment, or still on the way since one. */
  readonly rows: readonly { readonly activityId: string; readonly state: 'delivered' | 'owed'; readonly atMs: number }[]
  /** Of the answer's activities those that have no place there. */
  readonly strangers: readonly string[]
}

/**
 * `late`: behind, within the promise. `beyond`: behind for longer, and the origin knows that it still owes something. `wrong`: contradicts a truth
 * that is older than the promise, and nothing is owed.
 */
export type Verdict = 'right' | 'late' | 'beyond' | 'wrong'
export interface Judged {
  readonly verdict: Verdict
  readonly why: string
}

const RANK: readonly Verdict[] = ['right', 'late', 'beyond', 'wrong']
const RIGHT: Judged = { verdict: 'right', why: '' }
const worst = (all: readonly Judged[]): Judged =>
  all.reduce((one, other) => (RANK.indexOf(other.verdict) > RANK.indexOf(one.verdict) ? other : one), RIGHT)

/**
 * Judges what a cache answered at `lookedAtMs` by what Postgres said *afterwards*. Caches first, then the truth: every fact of the truth carries the
 * moment from which it has held without a break, so a fact older than `lookedAtMs - promisedMs` held through the whole promised time before
 * the look, and an answer that contradicts it is late or wrong. What was written between the look and the truth, or there and back, carries a
 * younger moment and excuses either answer. The other way round a write between the two would be in the answer and not in the truth, with
 * nothing to excuse it. All moments are epoch milliseconds by Postgres' clock.
 */
export function judge(answer: Answer, truth: ValueTruth | ListTruth, lookedAtMs: number, promisedMs: number): Judged {
  const settledMs = lookedAtMs - promisedMs
  const { says } = answer
  if (says.is === 'value') return 'digest' in truth ? judgeValue(answer.truth, says.digest, truth, settledMs) : RIGHT
  return 'rows' in truth ? judgeList(answer.truth, says, truth, settledMs) : RIGHT
}

function judgeValue(version: number, digest: string, { truth, changes, untold, ...postgres }: ValueTruth, settledMs: number): Judged {
  if (digest === postgres.digest) return RIGHT
  if (version > truth) return { verdict: 'wrong', why: 'bears a version that Postgres has not reached' }
  const missed = missedBy(version, truth, changes)
  if (missed.length > 0) return worst(missed.map((change) => judgeChange(change, settledMs)))
  if (untold && (untold.covered || untold.changedAtMs > settledMs)) return { verdict: 'late', why: 'a change is still being carried out' }
  return { verdict: 'wrong', why: version === truth ? 'says something else under the same version' : 'is older, and nobody was told' }
}

/** Changes that an answer of this version does not know. Whoever makes a key cold on purpose names a version that never was. */
const missedBy = (version: number, truth: number, changes: readonly Change[]): Change[] =>
  changes.filter((change) => change.truth > version && change.truth <= truth)

function judgeChange({ atMs, acknowledgedAtMs }: Change, settledMs: number): Judged {
  if (acknowledgedAtMs === undefined) {
    return { verdict: atMs > settledMs ? 'late' : 'beyond', why: `an invalidation is owed since ${momentOf(atMs)}` }
  }
  return {
    verdict: acknowledgedAtMs > settledMs ? 'late' : 'wrong',
    why: `an invalidation was acknowledged at ${momentOf(acknowledgedAtMs)}`,
  }
}

function judgeList(
  version: number,
  { entries }: Extract<Answer['says'], { is: 'list' }>,
  { truth, leastTruth, changes, changedAtMs, rows, strangers }: ListTruth,
  settledMs: number,
): Judged {
  const missed = missedBy(version, truth, changes).map((change) => judgeChange(change, settledMs))
  // Readers take no such list: whether it should be there at all is the only question.
  if (version < leastTruth) return worst(missed)
  const held = new Set(entries.map(({ activityId }) => activityId))
  const isOpen = changedAtMs > settledMs
  const lacks = rows
    .filter(({ activityId }) => !held.has(activityId))
    .map(({ activityId, state, atMs }): Judged => {
      if (state === 'owed') {
        return { verdict: atMs > settledMs ? 'late' : 'beyond', why: `lacks ${activityId}, which is on its way since ${momentOf(atMs)}` }
      }
      return { verdict: isOpen || atMs > settledMs ? 'late' : 'wrong', why: `lacks ${activityId}, which was delivered` }
    })
  const extra = strangers.map((id): Judged => ({ verdict: isOpen ? 'late' : 'wrong', why: `holds ${id}, which has no place there` }))
  return worst([...missed, ...lacks, ...extra])
}

const momentOf = (atMs: number): string => new Date(atMs).toISOString()
