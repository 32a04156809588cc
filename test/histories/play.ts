import type { Ask, Driver, Line, Outcome, Page, Token, Trouble } from './driver.ts'
import type { Command, History } from './history.ts'
import { Broken, createJudge, newScroll, rootOf } from './judge.ts'
import { type Activity, begin, type Change, createLog, type Fact, fact, takeBack } from './log.ts'

/** What a history came to. */
export interface Played {
  /** Undefined where all was as promised. */
  readonly broken: string | undefined
  readonly pages: number
  /** A line for each event, where it was asked for. */
  readonly story: readonly string[]
}

interface Open {
  readonly scroll: ReturnType<typeof newScroll>
  cursor: string
}

/** A scroll that needs more pages than this never ends. */
const MAX_PAGES = 500

/** Lives through a history on a system, and judges every page. */
export async function play(history: History, driver: Driver, options: { readonly settledMs: number; readonly tells: boolean }): Promise<Played> {
  const log = createLog()
  const judge = createJudge(log, options)
  const story: string[] = []
  const startedAtMs = driver.nowMs()
  let people: readonly string[] = []
  let pages = 0
  let posts = 0
  let firstBroken: string | undefined
  const tokens = new Map<string, Token>()
  const scrolls = new Map<string, Open>()

  const at = (place: number): string => people[place % people.length] as string
  const named = (text: string): string => people.reduce((told, id, i) => told.replaceAll(id, history.people[i] ?? id), text)
  function tell(what: () => string): void {
    if (options.tells) story.push(`${((driver.nowMs() - startedAtMs) / 1_000).toFixed(3).padStart(8)} s  ${named(what())}`)
  }
  function isBroken(error: unknown): void {
    if (!(error instanceof Broken)) throw error
    firstBroken ??= named(error.message)
    tell(() => `BROKEN: ${error.message}`)
  }
  const titleOf = (activity: Activity): string => (activity.root ? `${activity.actor} reposts “${activity.root.text}”` : `“${activity.text}”`)

  async function setUp(): Promise<void> {
    const earlier = history.earlier.map((place, i) => ({ place, text: `before ${i + 1}`, agoMs: (history.earlier.length - i) * 60_000 + 600_000 }))
    const made = await driver.setUp({
      people: history.people,
      follows: history.follows.map(([viewer, author]) => [history.people[viewer] as string, history.people[author] as string]),
      posts: earlier.map(({ place, text, agoMs }) => ({ who: history.people[place] as string, text, agoMs })),
    })
    people = made.people
    for (const [i, { place, text }] of earlier.entries()) {
      const id = made.posts[i] as string
      const activity = { id, actor: at(place), root: undefined, text, made: fact(true), kept: fact(true) }
      log.activities.push(activity)
      log.byId.set(id, activity)
    }
    for (const [viewer, author] of history.follows) log.follow(at(viewer), at(author)).changes.push({ value: true, calledAtMs: 0, ackedAtMs: 0, by: '' })
    tell(() => {
      const pairs = history.follows.map(([viewer, author]) => `${history.people[viewer]}→${history.people[author]}`)
      return `${history.people.join(', ')}; ${pairs.join(' ')}; earlier: ${earlier.map(({ place, text }) => `${history.people[place]} “${text}”`).join(', ')}`
    })
  }

  /** Writes, and notes what it changes. */
  async function write(who: string, what: string, facts: readonly (readonly [Fact, boolean])[], ask: Parameters<Driver['write']>[0]): Promise<string | undefined> {
    const calledAtMs = driver.nowMs()
    const changes = facts.map(([one, value]): [Fact, Change] => [one, begin(one, value, who, calledAtMs)])
    tell(() => `${what} …`)
    const outcome = await driver.write(ask, tokens.get(who))
    const nowMs = driver.nowMs()
    if (outcome.is === 'done') {
      tokens.set(who, outcome.value.token)
      for (const [, change] of changes) change.ackedAtMs = nowMs
      tell(() => `${what}: done${outcome.value.id ? `, ${outcome.value.id}` : ''}`)
      return outcome.value.id
    }
    tell(() => `${what}: ${outcome.is}${'why' in outcome ? ` (${outcome.why})` : ''}`)
    if (outcome.is === 'refused') for (const [one, change] of changes) takeBack(one, change)
    else if (outcome.is === 'unavailable') judge.unavailable(`${what}: ${outcome.why}`, calledAtMs, nowMs)
    else judge.unavailable(`${what}: no answer`, calledAtMs, nowMs)
    return undefined
  }

  async function create(activity: Activity, what: string, ask: Parameters<Driver['write']>[0]): Promise<void> {
    log.activities.push(activity)
    const id = await write(activity.actor, what, [[activity.made, true]], ask)
    if (id !== undefined && activity.id === undefined) {
      activity.id = id
      log.byId.set(id, activity)
    }
  }

  const standing = (which: (activity: Activity) => boolean, nth: number): Activity | undefined => {
    const some = log.activities.filter((one) => one.id !== undefined && one.kept.changes.length === 0 && which(one))
    return some.length === 0 ? undefined : some[some.length - 1 - (nth % some.length)]
  }

  async function read<T>(what: string, ask: () => Promise<Outcome<T>>, judged: (value: T | undefined, begunAtMs: number) => void, mayRefuse: (why: string) => boolean): Promise<T | undefined> {
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

  const said = ({ lines, next, gap, degraded }: Page): string => {
    const texts = lines.map(({ text, repostedBy }) => (repostedBy ? `${text} (by ${repostedBy})` : text))
    return `${texts.join(' | ') || 'nothing'}${next === null ? ' END' : ''}${gap ? ' GAP' : ''}${degraded.length > 0 ? ` DEGRADED ${degraded.join(', ')}` : ''}`
  }

  /** Reads the next page of a scroll; answers whether there is more. */
  async function feedPage(who: string, open: Open | undefined, ask: Omit<Ask, 'cursor' | 'token'>, insists: boolean): Promise<Open | undefined> {
    const scroll = open?.scroll ?? newScroll(driver.nowMs())
    const token = insists ? tokens.get(who) : undefined
    const what = `${who} reads page ${scroll.pages + 1} by ${ask.limit} at ${ask.at}${token ? ' with token' : ''}`
    const page = await read(
      what,
      () => driver.feed(who, { ...ask, cursor: open?.cursor, token }),
      (value, begunAtMs) => {
        if (!value) return
        pages++
        tell(() => `${what} since ${((begunAtMs - startedAtMs) / 1_000).toFixed(3)}: ${said(value)}`)
        judge.feedPage(scroll, { reader: who, begunAtMs, endedAtMs: driver.nowMs(), insists: token !== undefined, limit: ask.limit, page: value })
      },
      () => false,
    )
    return page?.next ? { scroll, cursor: page.next } : undefined
  }

  async function authorPages(who: string, author: string, ask: Omit<Ask, 'cursor' | 'token'>, insists: boolean): Promise<void> {
    const scroll = newScroll(driver.nowMs())
    const token = insists ? tokens.get(who) : undefined
    let cursor: string | undefined
    do {
      const what = `${who} reads page ${scroll.pages + 1} by ${ask.limit} of ${author} at ${ask.at}${token ? ' with token' : ''}`
      const page: Page | undefined = await read(
        what,
        () => driver.author(author, who, { ...ask, cursor, token }),
        (value, begunAtMs) => {
          if (!value) return
          pages++
          tell(() => `${what}: ${said(value)}`)
          judge.authorPage(scroll, author, { reader: who, begunAtMs, endedAtMs: driver.nowMs(), insists: token !== undefined, limit: ask.limit, page: value })
        },
        () => false,
      )
      cursor = page?.next ?? undefined
    } while (cursor !== undefined && scroll.pages < MAX_PAGES && !firstBroken)
  }

  async function trouble(what: Trouble): Promise<void> {
    const named = JSON.stringify(what)
    tell(() => named)
    const fault = { what: named, fromMs: driver.nowMs() - ('from' in what ? what.from : 0), toMs: Number.POSITIVE_INFINITY }
    log.faults.push(fault)
    const lasts = await driver.trouble(what)
    fault.toMs = driver.nowMs()
    if (!lasts) log.faults.splice(log.faults.indexOf(fault), 1)
    else tell(() => `over: ${named}`)
  }

  async function act(command: Command): Promise<void> {
    switch (command.does) {
      case 'wait':
        return
      case 'post': {
        const who = at(command.who)
        const text = `post ${++posts}`
        const activity = { id: undefined, actor: who, root: undefined, text, made: fact(false), kept: fact(true) }
        return create(activity, `${who} posts “${text}”`, { does: 'post', who, text })
      }
      case 'repost': {
        const who = at(command.who)
        const target = standing(() => true, command.nth)
        const root = target && rootOf(target)
        if (!target?.id || !root || root.kept.changes.length > 0) return
        if (log.activities.some((one) => one.actor === who && one.root === root && one.kept.changes.length === 0)) return
        const activity = { id: undefined, actor: who, root, text: root.text, made: fact(false), kept: fact(true) }
        return create(activity, `${who} reposts “${root.text}”`, { does: 'repost', who, post: target.id })
      }
      case 'undo':
      case 'delete': {
        const who = at(command.who)
        const target = standing((one) => one.actor === who && (one.root !== undefined) === (command.does === 'undo'), command.nth)
        if (!target?.id) return
        const what = command.does === 'undo' ? `${who} undoes the repost of “${target.text}”` : `${who} deletes “${target.text}”`
        await write(who, what, [[target.kept, false]], { does: command.does, who, post: target.root?.id ?? target.id })
        return
      }
      case 'follow':
      case 'unfollow': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        await write(who, `${who} ${command.does}s ${whom}`, [[log.follow(who, whom), command.does === 'follow']], { does: command.does, who, whom })
        return
      }
      case 'page': {
        const who = at(command.who)
        const known = command.fresh ? undefined : scrolls.get(who)
        scrolls.delete(who)
        const open = await feedPage(who, known, command, command.insists)
        if (open) scrolls.set(who, open)
        return
      }
      case 'scroll': {
        const who = at(command.who)
        let open: Open | undefined
        do {
          open = await feedPage(who, open, command, command.insists)
          if (open && command.pauseMs > 0 && open.scroll.pages < 8) await driver.sleep(command.pauseMs)
        } while (open && open.scroll.pages < MAX_PAGES && !firstBroken)
        return
      }
      case 'author':
        return authorPages(at(command.who), at(command.whom), command, command.insists)
      case 'look': {
        const activity = standing(() => true, command.nth)
        const { id } = activity ?? {}
        if (!activity || id === undefined) return
        const who = at(command.who)
        const token = command.insists ? tokens.get(who) : undefined
        const what = `${who} looks at ${titleOf(activity)} at ${command.at}`
        await read(
          what,
          () => driver.post(id, who, { at: command.at, token }),
          (line: Line | undefined, begunAtMs) => {
            tell(() => `${what}: ${line ? line.text : 'gone'}`)
            judge.post(activity, line, { reader: who, begunAtMs, endedAtMs: driver.nowMs(), insists: token !== undefined })
          },
          (why) => why === 'gone' || why === 'not-found',
        )
        return
      }
      case 'borrow': {
        const cursor = scrolls.get(at(command.whom))?.cursor
        const who = at(command.who)
        if (cursor === undefined || who === at(command.whom)) return
        const outcome = await driver.feed(who, { at: command.at, cursor, limit: 5, token: undefined })
        if (outcome.is === 'done') throw new Broken(`${who} reads on with a cursor of ${at(command.whom)}`)
        return
      }
      default:
        return trouble(command)
    }
  }

  await setUp()
  const underWay: Promise<void>[] = []
  for (const command of history.commands) {
    const done = act(command).catch(isBroken)
    underWay.push(done)
    if (command.waits) await done
    if (command.thenMs > 0) await driver.sleep(command.thenMs)
    if (firstBroken) break
  }
  if (!firstBroken) await Promise.all(underWay)
  return { broken: firstBroken, pages, story }
}
