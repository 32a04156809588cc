import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Database } from '../../origin/db/client.ts'
import { findReader, type ReaderRow, type Whereabouts, whereabouts } from '../../origin/db/doctor.ts'
import { type OracleActivity, oracleActivities } from '../../origin/db/oracle.ts'
import { UsageError } from '../command-line.ts'
import { evidenceOf, type Sights } from '../doctor/examine.ts'
import { BECAUSE, placesOf } from '../doctor/explain.ts'

/**
 * How a post comes to a reader. own: from the reader's own list. list: from its author's list, who is pulled. row: by a row of the timeline. present: pushed to
 * the timeline in L2, without a row. fill: the next fill finds it among the posts. return: the reader is dormant or not rebuilt, and the next load takes the
 * posts. older: it lies below the timeline, and a scroll asks the posts. coming: it is still on its way.
 */
export type Way = 'own' | 'list' | 'row' | 'present' | 'fill' | 'return' | 'older' | 'coming'

/** By which way a post reaches a reader, or why not. */
export interface Passage {
  readonly reader: ReaderRow
  readonly postId: string
  /** What shows it, or would: the post itself or a repost by somebody the reader follows. */
  readonly activityId: string
  /** Undefined where it does not reach them. */
  readonly way: Way | undefined
  readonly because: string
  /** Where it is and where not. */
  readonly places: readonly (readonly [place: string, says: string])[]
}

/** Asks Postgres, L2 and an isolate. Throws where there is no such reader or post. */
export async function explainPassage(db: Database, sights: Sights, reader: string, postId: string): Promise<Passage> {
  const found = await findReader(db, reader)
  if (!found) throw new UsageError(`there is no user "${reader}"`)
  const activities = (await whereabouts(db, found.id, [postId])).length > 0 ? await oracleActivities(db, found.id, postId) : undefined
  if (!activities) throw new UsageError(`there is no post ${postId}`)
  const showing = activities.filter((one) => one.activityId === postId || one.rootId === postId)
  const activity = showing.find(({ now }) => now.is === 'visible') ?? showing.find((one) => one.activityId === postId) ?? showing[0]
  const activityId = activity?.activityId ?? postId
  const [row] = await whereabouts(db, found.id, [activityId])
  if (!row) throw new Error(`post ${activityId} went meanwhile`)
  const evidence = await evidenceOf(db, sights, found, { activityId, rootId: activity?.rootId ?? postId, activity })
  return { reader: found, postId, activityId, ...wayOf(found, row, activity), places: placesOf(evidence) }
}

/** The way of an activity, by what Postgres knows. */
export function wayOf(reader: ReaderRow, row: Whereabouts, activity: OracleActivity | undefined): Pick<Passage, 'way' | 'because'> {
  const not = (because: string) => ({ way: undefined, because })
  if (reader.barred) return not(`the reader's account is ${reader.barred}`)
  if (!activity) return not(`the reader does not follow @${row.actor}, nor anybody who reposted it`)
  const { now } = activity
  if (now.is === 'hidden') return not(`${BECAUSE[now.why]}, since ${momentOf(activity.sinceMs)}`)
  if (now.is === 'folded') return not(`its post is shown by ${now.under}, which is newer`)
  return visibleWay(reader, row)
}

function visibleWay(reader: ReaderRow, row: Whereabouts): { readonly way: Way; readonly because: string } {
  const { mode, route, actorId, mintedAtMs } = row
  if (actorId === reader.id) return { way: 'own', because: "it is the reader's own: every read takes their own list" }
  if (mode !== 'push' && route === 'pull')
    return { way: 'list', because: `@${row.actor} is pulled: each read of a follower takes the author's list, or the merge of very many` }
  if (reader.enrolledAtMs === null)
    return { way: 'return', because: 'the reader is dormant: the next read enrols them and takes the posts' }
  if (reader.rebuilding) return { way: 'return', because: 'the reader has come back, and loads take the posts until the rows are written' }
  if (row.copyingDueMs !== null)
    return { way: 'coming', because: 'the reader followed its author a moment ago, and the history is still to be copied' }
  if (row.belowTimeline)
    return { way: 'older', because: `it lies below the newest ${TIMELINE_CAP} of the timeline: a scroll that gets there asks the posts` }
  if (row.inTimeline) return { way: 'row', because: rowBecause(reader, row) }
  if (mode !== 'push') return unpushedWay(reader, row)
  if (row.diedAtMs !== null)
    return { way: 'coming', because: 'its fan-out failed too often: it comes when the dead job is replayed (npm run dead-jobs)' }
  if (row.queuedSinceMs !== null) return { way: 'coming', because: 'fan-out has not come to this reader yet' }
  return {
    way: 'coming',
    because:
      mintedAtMs < reader.enrolledAtMs
        ? 'the rebuild at their return left it out: report it'
        : `Postgres has no row for this reader${row.hasEdge ? '' : ', and no edge that leads to them'}: fan-out passed them by, report it`,
  }
}

/** A row came by its chunk, or by what was copied when the reader followed or came back. */
function rowBecause({ enrolledAtMs }: ReaderRow, { mintedAtMs, followedSinceMs, insertedAtMs, pushedAtMs }: Whereabouts): string {
  const [followedMs, returnedMs] = [followedSinceMs ?? 0, enrolledAtMs ?? 0]
  if (mintedAtMs < Math.max(followedMs, returnedMs))
    return followedMs > returnedMs
      ? 'the history that was copied when they followed its author brought its row'
      : 'the rebuild when they came back brought its row'
  if (insertedAtMs === null) return 'its fan-out wrote a row, more than two hours ago'
  return pushedAtMs === null
    ? 'its fan-out wrote a row; the push to L2 is still owed, and a timeline that is in L2 does not have it yet'
    : `its fan-out wrote a row, and Redis acknowledged the push at ${momentOf(pushedAtMs)}`
}

/** A post without rows: to those who are present it was pushed, the others' next fill finds it. */
function unpushedWay({ presentUntilMs, nowMs }: ReaderRow, row: Whereabouts): { readonly way: Way; readonly because: string } {
  const pulled = row.mode === 'pull' ? ' (it was pulled then, and is no more)' : ''
  if (row.mode === 'hot' && row.pushedAtMs !== null && presentUntilMs !== null && presentUntilMs > nowMs)
    return { way: 'present', because: `@${row.actor} is hot: no row, it was pushed to the timelines in L2, at ${momentOf(row.pushedAtMs)}` }
  if (row.mode === 'hot' && row.queuedSinceMs !== null)
    return { way: 'coming', because: 'its author is hot, and fan-out has not come to this reader yet' }
  return { way: 'fill', because: `it has no rows${pulled}: each fill of a timeline looks for such posts` }
}

/** A passage as text for people. */
export function passageText({ reader, postId, activityId, way, because, places }: Passage): string {
  const by = activityId === postId ? '' : `, shown by ${activityId}`
  const head = way === undefined ? 'does not reach' : way === 'coming' ? 'has not reached' : 'reaches'
  return [
    `${postId}${by} ${head} @${reader.handle} (${reader.id})${way === undefined ? '' : `: ${way}`}`,
    `  ${'because'.padEnd(9)} ${because}`,
    `  ${'reader'.padEnd(9)} ${readerText(reader)}`,
    ...places.map(([place, says]) => `  ${place.padEnd(9)} ${says}`),
    '',
  ].join('\n')
}

function readerText({ enrolledAtMs, presentUntilMs, nowMs, follows }: ReaderRow): string {
  const active = enrolledAtMs === null ? 'dormant, nothing is pushed to them' : `active since ${momentOf(enrolledAtMs)}`
  const present =
    presentUntilMs !== null && presentUntilMs > nowMs
      ? `a timeline of theirs may be in L2 until ${momentOf(presentUntilMs)}`
      : 'no timeline of theirs is in L2'
  return `follows ${follows}; ${active}; ${present}`
}

const momentOf = (atMs: number): string => new Date(atMs).toISOString()
