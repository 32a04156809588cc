import type { Line, Page } from './driver.ts'
import { type Activity, allOf, type Change, type Log, type Truth, truthWithin } from './log.ts'

/** What the judge allows a system (milliseconds). */
export interface Promises {
  /** From the acknowledgement until everybody sees it. */
  readonly settledMs: number
}

/** One page as it was read. */
export interface Reading {
  readonly reader: string
  readonly begunAtMs: number
  readonly endedAtMs: number
  /** The reader sent the token of their last write. */
  readonly insists: boolean
  readonly limit: number
  readonly page: Page
}

/** A scroll, page by page. */
export interface Scroll {
  readonly startedAtMs: number
  /** The newest activity of page one. */
  anchor: string | undefined
  /** The last activity that was shown; the next page lies below it. */
  last: string | undefined
  readonly pages: number
}

export const newScroll = (startedAtMs: number): Scroll & { pages: number } => ({ startedAtMs, anchor: undefined, last: undefined, pages: 0 })

/** Something that is promised and was not so. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const broken = (what: string): never => {
  throw new Broken(what)
}

export const rootOf = (activity: Activity): Activity => activity.root ?? activity

/**
 * Promise 1 (DESIGN of the feed: docs/architecture.md) as plain rules over the log of what was asked for: brute force, no caches, no
 * tables. An activity must be on a page when it has been visible for all the time from `settledMs` before the scroll began until now, may be
 * when that changed meanwhile, and must not when it has been invisible for longer than `settledMs`.
 */
export function createJudge(log: Log, promises: Promises) {
  /** From when on the reader must see a change: at once with the token of it, else in the promised time, counted from the end of any fault. */
  function settledAtMs(reader: string | undefined, insists: boolean): (change: Change) => number {
    return (change) => {
      if (change.ackedAtMs === Number.POSITIVE_INFINITY) return change.ackedAtMs
      if (insists && change.by === reader) return change.ackedAtMs
      let seenAtMs = change.ackedAtMs + promises.settledMs
      for (const { fromMs, toMs } of log.faults) {
        if (seenAtMs > fromMs && change.calledAtMs <= toMs) seenAtMs = Math.max(seenAtMs, toMs + promises.settledMs)
      }
      return seenAtMs
    }
  }

  const isIll = (fromMs: number, toMs: number): boolean =>
    log.faults.some((fault) => fault.fromMs <= toMs && fromMs <= fault.toMs + promises.settledMs)

  /** Does an activity stand, and its root? */
  const stands = (activity: Activity, fromMs: number, toMs: number, settled: (change: Change) => number): Truth[] => {
    const truths = [truthWithin(activity.made, fromMs, toMs, settled), truthWithin(activity.kept, fromMs, toMs, settled)]
    if (activity.root) truths.push(truthWithin(activity.root.kept, fromMs, toMs, settled))
    return truths
  }

  /** May a reader see it in their feed? */
  function inFeed(reader: string, activity: Activity, fromMs: number, toMs: number, insists: boolean): Truth {
    const settled = settledAtMs(reader, insists)
    const truths = stands(activity, fromMs, toMs, settled)
    if (activity.actor !== reader) truths.push(truthWithin(log.follow(reader, activity.actor), fromMs, toMs, settled))
    return allOf(truths)
  }

  /** The activity that a line shows; one whose id no answer has told is known by what it says. */
  function identify(line: Line): Activity {
    const known = log.byId.get(line.activityId) ?? adopt(line)
    if (!known) return broken(`a line shows ${line.activityId} (“${line.text}”), which nobody wrote`)
    const root = rootOf(known)
    const isAsWritten =
      root.id === line.postId &&
      root.actor === line.authorId &&
      root.text === line.text &&
      (known.root ? known.actor : undefined) === line.repostedBy
    if (!isAsWritten) broken(`a line shows ${line.activityId} as what it is not: ${JSON.stringify(line)}`)
    return known
  }

  function adopt({ activityId, postId, authorId, repostedBy, text }: Line): Activity | undefined {
    const nameless = log.activities.filter(({ id }) => id === undefined)
    const post = log.byId.get(postId) ?? nameless.find((one) => !one.root && one.actor === authorId && one.text === text)
    if (post && post.id === undefined) name(post, postId)
    if (repostedBy === undefined) return post
    const repost = nameless.find((one) => one.root !== undefined && one.root === post && one.actor === repostedBy)
    if (repost) name(repost, activityId)
    return repost
  }
  function name(activity: Activity, id: string): void {
    activity.id = id
    log.byId.set(id, activity)
  }

  const called = (activity: Activity): string =>
    activity.root ? `${activity.actor}'s repost of “${activity.root.text}”` : `“${activity.text}”`

  type SeenBy = (activity: Activity, fromMs: number, toMs: number) => Truth

  /** Judges a page of a scroll, and moves the scroll on. `folds`: each root once. */
  function judgePage(scroll: Scroll & { pages: number }, reading: Reading, seenBy: SeenBy, folds: boolean): void {
    const { begunAtMs, endedAtMs, limit, page } = reading
    const excused = page.degraded.length > 0
    if (excused && !isIll(begunAtMs, endedAtMs)) broken(`the page says ${page.degraded.join(', ')} while all is well`)
    const shown = new Set<Activity>()
    const anchor = scroll.anchor ?? page.lines[0]?.activityId
    let above = scroll.last
    for (const line of page.lines) {
      const activity = identify(line)
      if (above !== undefined && line.activityId >= above) {
        broken(`${called(activity)} comes ${line.activityId === above ? 'twice' : 'below an older one'}`)
      }
      above = line.activityId
      shown.add(activity)
      if (excused) continue
      if (seenBy(activity, begunAtMs, endedAtMs) === 'no') broken(`${called(activity)} is shown, and must not be`)
      if (!folds) continue
      const newer = newerOf(activity, anchor).find((other) => seenBy(other, begunAtMs, endedAtMs) === 'yes')
      if (newer) broken(`${called(activity)} is shown below ${called(newer)}, which shows the same post`)
    }
    if (page.lines.length > limit) broken(`the page has ${page.lines.length} lines of at most ${limit}`)
    if (!excused) {
      if (page.next !== null && page.lines.length < limit) broken(`the page has ${page.lines.length} of ${limit} lines, and more is said to follow`)
      const below = page.next === null ? '' : (page.lines.at(-1)?.activityId ?? '')
      for (const activity of log.activities) {
        const { id } = activity
        if (id === undefined || id <= below || (scroll.last !== undefined && id >= scroll.last) || shown.has(activity)) continue
        if (seenBy(activity, scroll.startedAtMs, endedAtMs) !== 'yes') continue
        if (folds && newerOf(activity, anchor).some((other) => seenBy(other, scroll.startedAtMs, endedAtMs) !== 'no')) continue
        broken(`${called(activity)} (${id}) is missing from page ${scroll.pages + 1}`)
      }
    }
    scroll.anchor = anchor
    scroll.last = above
    scroll.pages++
  }

  /** Newer activities that show the same post, up to the anchor. */
  function newerOf(activity: Activity, anchor: string | undefined): Activity[] {
    const { id } = activity
    const root = rootOf(activity)
    return log.activities.filter(
      (other) => other.id !== undefined && id !== undefined && other.id > id && rootOf(other) === root && (anchor === undefined || other.id <= anchor),
    )
  }

  return {
    feedPage(scroll: Scroll & { pages: number }, reading: Reading): void {
      const { reader, insists } = reading
      judgePage(scroll, reading, (activity, fromMs, toMs) => inFeed(reader, activity, fromMs, toMs, insists), true)
    },
    authorPage(scroll: Scroll & { pages: number }, author: string, reading: Reading): void {
      const settled = settledAtMs(reading.reader, reading.insists)
      const seenBy: SeenBy = (activity, fromMs, toMs) =>
        activity.actor === author ? allOf(stands(activity, fromMs, toMs, settled)) : 'no'
      judgePage(scroll, reading, seenBy, false)
    },
    /** `line` is undefined for an answer that it is gone. */
    post(activity: Activity, line: Line | undefined, reading: Omit<Reading, 'page' | 'limit'>): void {
      const { reader, insists, begunAtMs, endedAtMs } = reading
      const truth = allOf(stands(activity, begunAtMs, endedAtMs, settledAtMs(reader, insists)))
      if (line && truth === 'no') broken(`${called(activity)} is shown, and must not be`)
      if (!line && truth === 'yes') broken(`${called(activity)} is said to be gone, and stands`)
      if (line && rootOf(identify(line)) !== rootOf(activity)) broken(`another post is shown than ${called(activity)}`)
    },
    /** The request was not answered as it should be. */
    unavailable(what: string, fromMs: number, toMs: number): void {
      if (!isIll(fromMs, toMs)) broken(`${what} while all is well`)
    },
  }
}
export type Judge = ReturnType<typeof createJudge>
