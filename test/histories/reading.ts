import type { From, Line, Outcome, Page } from './driver.ts'
import type { Command } from './history.ts'
import { Broken, newScroll, type Reading, type Scroll } from './judge.ts'
import type { Activity } from './log.ts'
import type { Stage } from './stage.ts'

/** A scroll somebody is in, and where it goes on. */
interface Open {
  readonly scroll: Scroll
  readonly cursor: string
}

interface Reads {
  readonly who: string
  readonly at: number
  readonly limit: number
  readonly insists: boolean
}

/** A scroll that needs more pages than this never ends. */
const MAX_PAGES = 500

const titleOf = (activity: Activity): string => (activity.root ? `${activity.actor} reposts “${activity.root.text}”` : `“${activity.text}”`)

const lineUp = ({ lines, next, gap, source, degraded }: Page): string => {
  const texts = lines.map(({ text, repostedBy }) => (repostedBy ? `${text} (by ${repostedBy})` : text))
  const marks = [next === null ? 'END' : '', gap === null ? '' : 'GAP', source === 'popular' ? 'POPULAR' : '', degraded.join(', ')]
  return [texts.join(' | ') || 'nothing', ...marks.filter(Boolean)].join(' ')
}

/** What people of a history read, each page judged. Does nothing for a command that reads nothing. */
export function createReading(stage: Stage): (command: Command) => Promise<void> {
  const { driver, judge, at, knownTo, standing, tell, sinceStart, isBroken } = stage
  const scrolls = new Map<string, Open>()
  /** The top as somebody saw it last. */
  const tops = new Map<string, Open>()

  async function read<T>(
    what: string,
    ask: () => Promise<Outcome<T>>,
    judged: (value: T | undefined, begunAtMs: number) => void,
    mayRefuse: (why: string) => boolean,
  ): Promise<T | undefined> {
    const begunAtMs = driver.nowMs()
    const outcome = await ask()
    try {
      if (outcome.is === 'done') {
        judged(outcome.value, begunAtMs)
        return outcome.value
      }
      tell(() => `${what}: ${outcome.is}${'why' in outcome ? ` (${outcome.why})` : ''}`)
      if (outcome.is === 'refused' && mayRefuse(outcome.why)) judged(undefined, begunAtMs)
      else judge.unavailable(`${what}: ${'why' in outcome ? outcome.why : 'no answer'}`, begunAtMs, driver.nowMs())
    } catch (error) {
      isBroken(error)
    }
    return undefined
  }

  /** Reads a page of the feed and has it judged; undefined where there was none. */
  async function feedPage(
    { who, at: isolate, limit, insists }: Reads,
    from: From,
    what: string,
    judged: (reading: Reading) => void,
  ): Promise<Page | undefined> {
    const { token, changes: knows } = knownTo(who, insists)
    const told = `${who} reads ${what} by ${limit} at ${isolate}${token ? ' with token' : ''}`
    return read(
      told,
      () => driver.feed(who, { isolate, limit, from, token }),
      (page, begunAtMs) => {
        const endedAtMs = driver.nowMs()
        if (!page) return judge.unauthorized(who, begunAtMs, endedAtMs)
        stage.pages++
        tell(() => `${told} since ${sinceStart(begunAtMs)}: ${lineUp(page)}`)
        judged({ reader: who, begunAtMs, endedAtMs, knows, limit, page })
      },
      (why) => why === 'unauthorized',
    )
  }

  /** Reads the next page of a scroll; answers where it goes on, if it does. */
  async function scrollPage(reads: Reads, open: Open | undefined): Promise<Open | undefined> {
    const { who } = reads
    const scroll = open?.scroll ?? newScroll(driver.nowMs())
    const from: From = open ? { at: 'next', cursor: open.cursor } : { at: 'top' }
    const page = await feedPage(reads, from, `page ${scroll.pages + 1}`, (reading) => judge.feedPage(scroll, who, reading))
    if (page?.top && !open) tops.set(who, { scroll, cursor: page.top })
    return page?.next ? { scroll, cursor: page.next } : undefined
  }

  /** What came since the top, and then all of its gap. */
  async function refresh(reads: Reads): Promise<void> {
    const seen = tops.get(reads.who)
    if (!seen) return
    const readings: Reading[] = []
    const note = (reading: Reading) => void readings.push(reading)
    let page = await feedPage(reads, { at: 'since', cursor: seen.cursor }, 'what came since', note)
    const top = page?.top
    while (page?.gap && readings.length < MAX_PAGES) page = await feedPage(reads, { at: 'gap', cursor: page.gap }, 'the gap', note)
    if (!page) return
    judge.refresh(seen.scroll, reads.who, readings)
    const anchor = readings[0]?.page.lines[0]?.activityId ?? seen.scroll.anchor
    if (top) tops.set(reads.who, { scroll: { ...newScroll(readings[0]?.begunAtMs ?? 0), anchor }, cursor: top })
  }

  async function authorPages({ who, at: isolate, limit, insists }: Reads, author: string, unknown: boolean): Promise<void> {
    const scroll = newScroll(driver.nowMs())
    const reader = unknown ? undefined : who
    const { token, changes: knows } = knownTo(reader, insists)
    const by = { reader, knows }
    let from: From = { at: 'top' }
    for (;;) {
      const told = `${reader ?? 'somebody'} reads page ${scroll.pages + 1} by ${limit} of ${author} at ${isolate}${token ? ' with token' : ''}`
      let refused = ''
      const page: Page | undefined = await read(
        told,
        () => driver.author(author, reader, { isolate, limit, from, token }),
        (value, begunAtMs) => {
          const reading = { ...by, begunAtMs, endedAtMs: driver.nowMs() }
          if (!value) return judge.authorRefused(refused, author, reading)
          stage.pages++
          tell(() => `${told}: ${lineUp(value)}`)
          judge.authorPage(scroll, author, { ...reading, limit, page: value })
        },
        (why) => {
          refused = why
          return true
        },
      )
      if (!page?.next || scroll.pages >= MAX_PAGES || stage.broken !== undefined) return
      from = { at: 'next', cursor: page.next }
    }
  }

  return async (command) => {
    switch (command.does) {
      case 'page': {
        const reads = { ...command, who: at(command.who) }
        const known = command.fresh ? undefined : scrolls.get(reads.who)
        scrolls.delete(reads.who)
        const open = await scrollPage(reads, known)
        if (open) scrolls.set(reads.who, open)
        return
      }
      case 'scroll': {
        const reads = { ...command, who: at(command.who) }
        let open: Open | undefined
        do {
          open = await scrollPage(reads, open)
          if (open && command.pauseMs > 0 && open.scroll.pages < 8) await driver.sleep(command.pauseMs)
        } while (open && open.scroll.pages < MAX_PAGES && stage.broken === undefined)
        return
      }
      case 'refresh':
        return refresh({ ...command, who: at(command.who) })
      case 'author':
        return authorPages({ ...command, who: at(command.who) }, at(command.whom), command.unknown)
      case 'look': {
        const activity = standing(() => true, command.nth)
        const { id } = activity ?? {}
        if (!activity || id === undefined) return
        const who = command.unknown ? undefined : at(command.who)
        const { token, changes: knows } = knownTo(who, command.insists)
        const what = `${who ?? 'somebody'} looks at ${titleOf(activity)} at ${command.at}`
        await read(
          what,
          () => driver.post(id, who, { isolate: command.at, token }),
          (line: Line | undefined, begunAtMs) => {
            tell(() => `${what}: ${line ? line.text : 'gone'}`)
            judge.post(activity, line, { reader: who, begunAtMs, endedAtMs: driver.nowMs(), knows })
          },
          (why) => why === 'gone' || why === 'not-found',
        )
        return
      }
      case 'borrow': {
        const [who, whom] = [at(command.who), at(command.whom)]
        const cursor = scrolls.get(whom)?.cursor
        if (cursor === undefined || who === whom) return
        const outcome = await driver.feed(who, { isolate: command.at, from: { at: 'next', cursor }, limit: 5, token: undefined })
        if (outcome.is === 'done') throw new Broken(`${who} reads on with a cursor of ${whom}`)
        return
      }
    }
  }
}
