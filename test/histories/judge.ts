import type { Line, Page } from './driver.ts'
import { type Activity, type Change, type Log, type Truth, truthWithin } from './log.ts'
import { createSight, type Sight } from './sight.ts'

/** What the judge allows a system (milliseconds). */
export interface Promises {
  /** From the acknowledgement until everybody sees it. */
  readonly settledMs: number
  /** The machine has other things to do: pages that say they are degraded are excused at any time. */
  readonly busy?: boolean
}

/** One page as it was read. */
export interface Reading {
  /** Undefined for nobody we know. */
  readonly reader: string | undefined
  readonly begunAtMs: number
  readonly endedAtMs: number
  /** The changes that the version token knows of which the reader sent. */
  readonly knows: ReadonlySet<Change>
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
  pages: number
}

export const newScroll = (startedAtMs: number): Scroll => ({ startedAtMs, anchor: undefined, last: undefined, pages: 0 })

/** Something that is promised and was not so. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

const broken = (what: string): never => {
  throw new Broken(what)
}

const NOTHING: ReadonlySet<Change> = new Set()

export const rootOf = (activity: Activity): Activity => activity.root ?? activity

type SeenBy = (sight: Sight, activity: Activity) => Truth

/**
 * Promise 1 (docs/architecture.md) as plain rules over the log of what was asked for: brute force, no caches, no tables. An activity must be
 * on a page when it has been visible all the time from `settledMs` before the scroll began until now, may be when that changed meanwhile, and
 * must not be when it has been invisible for longer than `settledMs`.
 */
export function createJudge(log: Log, people: () => readonly string[], { settledMs, busy = false }: Promises) {
  /** From when on the reader must see a change: at once with the token of it, else in the promised time, counted from the end of any fault. */
  const settledFor = (knows: ReadonlySet<Change>) => (change: Change) => {
    if (change.ackedAtMs === Number.POSITIVE_INFINITY || knows.has(change)) return change.ackedAtMs
    let seenAtMs = change.ackedAtMs + settledMs
    for (const { fromMs, toMs } of log.faults) {
      if (seenAtMs > fromMs && change.calledAtMs <= toMs) seenAtMs = Math.max(seenAtMs, toMs + settledMs)
    }
    return seenAtMs
  }
  const sightOf = (knows: ReadonlySet<Change>, fromMs: number, toMs: number): Sight => createSight(log, fromMs, toMs, settledFor(knows))
  const nowOf = ({ knows, begunAtMs, endedAtMs }: Omit<Reading, 'page' | 'limit'>): Sight => sightOf(knows, begunAtMs, endedAtMs)

  /** May answers be less than they should be? While something is wrong; and for a moment nothing can be proved of an account that was deleted. */
  const isIll = (fromMs: number, toMs: number): boolean =>
    busy ||
    log.faults.some((fault) => fault.fromMs <= toMs && fromMs <= fault.toMs + settledMs) ||
    people().some((person) => sightOf(NOTHING, fromMs, toMs).is('alive', person) === 'maybe')

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

  /** Newer activities that show the same post, up to the anchor. */
  function newerOf(activity: Activity, anchor: string | undefined): Activity[] {
    const { id } = activity
    const root = rootOf(activity)
    return log.activities.filter(
      (other) =>
        other.id !== undefined &&
        id !== undefined &&
        other.id > id &&
        rootOf(other) === root &&
        (anchor === undefined || other.id <= anchor),
    )
  }

  function isExcused({ page, begunAtMs, endedAtMs }: Reading): boolean {
    const excused = page.degraded.some((why) => why !== 'mine-unknown')
    if (!excused) return false
    if (!isIll(begunAtMs, endedAtMs)) broken(`the page says ${page.degraded.join(', ')} while all is well`)
    return true
  }

  /** What a line says beside the post, to one reader. */
  function judgeOverlay(line: Line, activity: Activity, now: Sight, reading: Reading): void {
    const { reader, page, begunAtMs, endedAtMs, knows } = reading
    const root = rootOf(activity)
    for (const who of line.reposters) {
      const may = log.activities.some(
        (other) => other.root === root && other.actor === who && now.shown(reader, other, page.source !== 'author') !== 'no',
      )
      if (!may) broken(`${who} is named as one who reposted “${root.text}”, and must not be`)
    }
    if (reader === undefined) {
      if (line.liked || line.reposted) broken(`“${root.text}” tells nobody we know what somebody did to it`)
      return
    }
    if (page.degraded.includes('mine-unknown') || now.is('alive', reader) !== 'yes') return
    const liked = now.is('likes', reader, root.text)
    if ((line.liked && liked === 'no') || (!line.liked && liked === 'yes'))
      broken(`“${root.text}” is said to be ${line.liked ? '' : 'not '}liked by ${reader}`)
    const settled = settledFor(knows)
    const reposts = log.activities.filter((other) => other.root === root && other.actor === reader)
    const within = (fact: Activity['made']): Truth => truthWithin(fact, begunAtMs, endedAtMs, settled)
    const stands = reposts.map((repost): readonly Truth[] => {
      // A repost that is asked for again while it stands is the same one: who undoes it meanwhile undoes both.
      const same = reposts.filter(({ id }) => repost.id === undefined || id === repost.id)
      const isSure = within(repost.kept) !== 'yes' || same.every(({ kept }) => within(kept) === 'yes')
      return [within(repost.made), isSure ? within(repost.kept) : 'maybe']
    })
    if (line.reposted && stands.every((truths) => truths.includes('no'))) broken(`“${root.text}” is said to be reposted by ${reader}`)
    if (!line.reposted && stands.some(([made, kept]) => made === 'yes' && kept === 'yes'))
      broken(`“${root.text}” is said not to be reposted by ${reader}`)
  }

  /** Judges the lines of a page: each may be here, in this order, and nothing newer shows the same post. Answers what was shown. */
  function judgeLines(
    reading: Reading,
    above: string | undefined,
    anchor: string | undefined,
    seenBy: SeenBy,
    folds: boolean,
  ): Set<Activity> {
    const { page, limit } = reading
    const excused = isExcused(reading)
    const now = nowOf(reading)
    const shown = new Set<Activity>()
    let last = above
    for (const line of page.lines) {
      const activity = identify(line)
      if (last !== undefined && line.activityId >= last)
        broken(`${called(activity)} comes ${line.activityId === last ? 'twice' : 'below an older one'}`)
      last = line.activityId
      shown.add(activity)
      if (excused) continue
      if (seenBy(now, activity) === 'no') broken(`${called(activity)} is shown, and must not be`)
      judgeOverlay(line, activity, now, reading)
      const newer = folds ? newerOf(activity, anchor).find((other) => seenBy(now, other) === 'yes') : undefined
      if (newer) broken(`${called(activity)} is shown below ${called(newer)}, which shows the same post`)
    }
    if (page.lines.length > limit) broken(`the page has ${page.lines.length} lines of at most ${limit}`)
    return shown
  }

  /** Judges a page of a scroll, and moves the scroll on. `folds`: each root once. */
  function judgePage(scroll: Scroll, reading: Reading, seenBy: SeenBy, folds: boolean): void {
    const { endedAtMs, limit, page } = reading
    const anchor = scroll.anchor ?? page.lines[0]?.activityId
    const shown = judgeLines(reading, scroll.last, anchor, seenBy, folds)
    if (!isExcused(reading)) {
      if (page.next !== null && page.lines.length < limit)
        broken(`the page has ${page.lines.length} of ${limit} lines, and more is said to follow`)
      const below = page.next === null ? '' : (page.lines.at(-1)?.activityId ?? '')
      const throughout = sightOf(reading.knows, scroll.startedAtMs, endedAtMs)
      for (const activity of log.activities) {
        const { id } = activity
        if (id === undefined || id <= below || (scroll.last !== undefined && id >= scroll.last) || shown.has(activity)) continue
        if (isMissing(activity, throughout, anchor, seenBy, folds))
          broken(`${called(activity)} (${id}) is missing from page ${scroll.pages + 1}`)
      }
    }
    scroll.anchor = anchor
    scroll.last = page.lines.at(-1)?.activityId ?? scroll.last
    scroll.pages++
  }

  /** Must it be shown, though it was not? One that something newer may hide need not be. */
  const isMissing = (activity: Activity, throughout: Sight, anchor: string | undefined, seenBy: SeenBy, folds: boolean): boolean =>
    seenBy(throughout, activity) === 'yes' && !(folds && newerOf(activity, anchor).some((other) => seenBy(throughout, other) !== 'no'))

  /** Whether somebody follows nobody; of one that is deleted nobody knows when the follow ends. */
  function followsNobody(sight: Sight, reader: string): Truth {
    let nobody: Truth = 'yes'
    for (const author of people()) {
      const follows = sight.is('follows', reader, author)
      if (follows === 'yes' && sight.is('alive', author) === 'yes') return 'no'
      if (follows !== 'no' || sight.is('alive', author) !== 'yes') nobody = 'maybe'
    }
    return nobody
  }

  /** What a page is of, for this reader. */
  function feedOf(reading: Reading, reader: string): SeenBy {
    const { page } = reading
    const isPopular = page.source === 'popular'
    if (page.degraded.length === 0) {
      const nobody = followsNobody(nowOf(reading), reader)
      if (nobody === (isPopular ? 'no' : 'yes'))
        broken(`${reader} is shown what is ${isPopular ? 'popular, and follows somebody' : 'followed, and follows nobody'}`)
    }
    return isPopular ? (sight, activity) => sight.inPopular(reader, activity) : (sight, activity) => sight.inFeed(reader, activity)
  }

  return {
    feedPage(scroll: Scroll, reader: string, reading: Reading): void {
      judgePage(scroll, reading, feedOf(reading, reader), true)
    },
    /** All that came since the top of a scroll, in one page and those of its gap, the last of which came now. */
    refresh(seen: Scroll, reader: string, readings: readonly Reading[]): void {
      const [first] = readings
      const last = readings.at(-1)
      if (!first || !last || seen.anchor === undefined || readings.some(isExcused)) return
      const seenBy = feedOf(first, reader)
      if (readings.some(({ page }) => page.source !== first.page.source)) return
      const anchor = first.page.lines[0]?.activityId ?? seen.anchor
      const shown = new Set<Activity>()
      for (const reading of readings) {
        for (const activity of judgeLines(reading, undefined, anchor, seenBy, false)) shown.add(activity)
      }
      const throughout = sightOf(first.knows, first.begunAtMs, last.endedAtMs)
      for (const activity of log.activities) {
        if (activity.id === undefined || activity.id <= seen.anchor || shown.has(activity)) continue
        if (isMissing(activity, throughout, anchor, seenBy, true))
          broken(`${called(activity)} (${activity.id}) is missing from what came since`)
      }
    },
    authorPage(scroll: Scroll, author: string, reading: Reading): void {
      judgePage(scroll, reading, (sight, activity) => sight.onPageOf(author, reading.reader, activity), false)
    },
    /** May an author's page be refused to this reader? */
    authorRefused(why: string, author: string, reading: Omit<Reading, 'page' | 'limit'>): void {
      const { reader } = reading
      const sight = nowOf(reading)
      const is = {
        'not-found': sight.exists(author) !== 'yes',
        blocked:
          reader !== undefined &&
          (sight.blocked(reader, author) !== 'no' || sight.exists(author) !== 'yes' || sight.is('alive', reader) !== 'yes'),
        'private-account':
          sight.is('open', author) !== 'yes' &&
          (reader === undefined ||
            sight.is('alive', reader) !== 'yes' ||
            (reader !== author && sight.is('follows', reader, author) !== 'yes')),
      }[why]
      if (!is) broken(`the page of ${author} is refused: ${why}`)
    },
    /** `line` is undefined for an answer that there is none, or not any more. */
    post(activity: Activity, line: Line | undefined, reading: Omit<Reading, 'page' | 'limit'>): void {
      const truth = nowOf(reading).shown(reading.reader, activity, false)
      if (line && truth === 'no') broken(`${called(activity)} is shown, and must not be`)
      if (!line && truth === 'yes') broken(`${called(activity)} is said to be gone, and stands`)
      if (line && rootOf(identify(line)) !== rootOf(activity)) broken(`another post is shown than ${called(activity)}`)
    },
    /** May somebody be told that there is no such reader? */
    unauthorized(reader: string, fromMs: number, toMs: number): void {
      if (sightOf(NOTHING, fromMs, toMs).is('alive', reader) === 'yes') broken(`${reader} is said not to exist`)
    },
    /** The request was not answered as it should be. */
    unavailable(what: string, fromMs: number, toMs: number): void {
      if (!isIll(fromMs, toMs)) broken(`${what} while all is well`)
    },
  }
}
export type Judge = ReturnType<typeof createJudge>
