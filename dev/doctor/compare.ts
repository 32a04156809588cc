import { expectationAt, type OracleActivity } from '../../origin/db/oracle.ts'

/** A line of a page. */
export interface SeenLine {
  readonly activityId: string
  readonly rootId: string
}

/** `late`: promised only from a moment on that had not come, or that has passed and still something is owed. `wrong`: nothing is owed. */
export type Verdict = 'late within the promise' | 'late beyond the promise' | 'wrong'

/**
 * missing: not on the pages. leaked: on the pages though hidden. stranger: of nobody the viewer follows, or of no post at all. doubled: its post
 * stands above already. misplaced: above something newer. older: its post stands under an older activity. other: it shows another post.
 */
export type Kind = 'missing' | 'leaked' | 'stranger' | 'doubled' | 'misplaced' | 'older' | 'other'

/** Where pages and oracle part. */
export interface Difference {
  readonly kind: Kind
  readonly verdict: Verdict
  readonly activityId: string
  readonly rootId: string
  /** What the oracle says of it; undefined for a stranger. */
  readonly activity: OracleActivity | undefined
  /** How long before the read it became what it is (milliseconds); undefined where nothing says. */
  readonly agoMs: number | undefined
}

interface Read {
  readonly lines: readonly SeenLine[]
  /** Before the first page was asked for (epoch milliseconds, Postgres' clock). */
  readonly readAtMs: number
  /** Did the scroll go to its end? If not, nothing below its last line is compared. */
  readonly complete: boolean
}

/** Compares a scroll with the oracle (promise 1): what must be there is there once, in order, and nothing is that must not. Newest first. */
export function compare(activities: readonly OracleActivity[], { lines, readAtMs, complete }: Read, promisedMs: number): Difference[] {
  const floor = complete ? '' : (lines.at(-1)?.activityId ?? '~')
  const known = new Map(activities.map((activity) => [activity.activityId, activity]))
  const differences: Difference[] = []
  const note = (kind: Kind, verdict: Verdict, line: SeenLine, activity = known.get(line.activityId)): void => {
    const { activityId, rootId } = line
    differences.push({ kind, verdict, activityId, rootId, activity, agoMs: activity && readAtMs - activity.sinceMs })
  }

  const shown = new Map<string, OracleActivity>()
  for (const [i, line] of lines.entries()) {
    const activity = known.get(line.activityId)
    const above = lines[i - 1]
    if (above && above.activityId <= line.activityId) note('misplaced', 'wrong', line)
    if (!activity) note('stranger', 'wrong', line)
    else if (activity.rootId !== line.rootId) note('other', 'wrong', line)
    else if (activity.now.is === 'hidden') {
      note('leaked', expectationAt(activity, readAtMs, promisedMs) === 'must not' ? 'wrong' : 'late within the promise', line)
    } else if (shown.has(activity.rootId)) {
      note('doubled', 'wrong', line)
    } else shown.set(activity.rootId, activity)
  }

  const judged = new Set<string>()
  for (const activity of activities) {
    const { activityId, rootId, now } = activity
    if (now.is === 'hidden' || activityId < floor || judged.has(rootId)) continue
    const stands = shown.get(rootId)
    // The newest that is on the pages speaks for its post: what is older is folded under it.
    if (stands && stands.activityId >= activityId) {
      judged.add(rootId)
      continue
    }
    if (expectationAt(activity, readAtMs, promisedMs) === 'must') {
      note(stands ? 'older' : 'missing', 'wrong', activity, activity)
      judged.add(rootId)
    } else {
      note(stands ? 'older' : 'missing', latenessOf(activity, readAtMs, promisedMs), activity, activity)
    }
  }
  return differences.sort((a, b) => Number(b.activityId > a.activityId) - Number(b.activityId < a.activityId))
}

/** An entry that may be missing is late beyond the promise where it is still on its way after that time. */
function latenessOf({ sinceMs, journey }: OracleActivity, readAtMs: number, promisedMs: number): Verdict {
  const fromMs = journey.state === 'delivered' ? sinceMs : Math.max(sinceMs, journey.sinceMs)
  const isOwed = journey.state !== 'delivered' || journey.atMs > readAtMs
  return isOwed && readAtMs - fromMs > promisedMs ? 'late beyond the promise' : 'late within the promise'
}
