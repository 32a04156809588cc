import type { Driver, From, Line, Outcome, Page, Token, Trouble, Write } from './driver.ts'
import type { Command, History } from './history.ts'
import { Broken, createJudge, newScroll, type Promises, type Reading, rootOf, type Scroll } from './judge.ts'
import { type Activity, begin, type Change, createLog, type Fact, type Fault, fact, takeBack } from './log.ts'

/** What a history came to. */
export interface Played {
  /** Undefined where all was as promised. */
  readonly broken: string | undefined
  readonly pages: number
  /** A line for each event, where it was asked for. */
  readonly story: readonly string[]
}

/** A scroll somebody is in, and where it goes on. */
interface Open {
  readonly scroll: Scroll
  readonly cursor: string
}

export interface PlayOptions extends Promises {
  readonly tells: boolean
  /** What is wrong with the whole system, shared by all histories that are played on it. */
  readonly faults?: Fault[]
}

/** What a client keeps: its version token, and which changes that knows of. Of two writes under way at once the later answer wins. */
interface Known {
  readonly token: Token
  readonly changes: ReadonlySet<Change>
}
const NOTHING: Known = { token: undefined, changes: new Set() }

/** A scroll that needs more pages than this never ends. */
const MAX_PAGES = 500

/** Lives through a history on a system, and judges every page. */
export async function play(history: History, driver: Driver, options: PlayOptions): Promise<Played> {
  const log = createLog(options.faults)
  const judge = createJudge(log, () => people, options)
  const story: string[] = []
  const startedAtMs = driver.nowMs()
  let people: readonly string[] = []
  let pages = 0
  let posts = 0
  let firstBroken: string | undefined
  const tokens = new Map<string, Known>()
  const scrolls = new Map<string, Open>()
  /** The top as somebody saw it last. */
  const tops = new Map<string, Open>()

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
  const titleOf = (activity: Activity): string =>
    activity.root ? `${activity.actor} reposts “${activity.root.text}”` : `“${activity.text}”`

  async function setUp(): Promise<void> {
    const earlier = history.earlier.map((place, i) => ({
      place,
      text: `before ${i + 1}`,
      agoMs: (history.earlier.length - i) * 60_000 + 600_000,
    }))
    const made = await driver.setUp({
      people: history.people,
      follows: history.follows.map(([viewer, author]) => [history.people[viewer] as string, history.people[author] as string]),
      posts: earlier.map(({ place, text, agoMs }) => ({ who: history.people[place] as string, text, agoMs })),
    })
    people = made.people
    for (const [i, { place, text }] of earlier.entries()) {
      const id = made.posts[i] as string
      const activity = { id, actor: at(place), root: undefined, text, audience: 'public' as const, made: fact(true), kept: fact(true) }
      log.activities.push(activity)
      log.byId.set(id, activity)
    }
    for (const [viewer, author] of history.follows) {
      log.fact('follows', at(viewer), at(author)).changes.push({ value: true, calledAtMs: 0, ackedAtMs: 0 })
    }
    tell(() => {
      const pairs = history.follows.map(([viewer, author]) => `${history.people[viewer]}→${history.people[author]}`)
      return `${history.people.join(', ')}; ${pairs.join(' ')}; earlier: ${earlier.map(({ place, text }) => `${history.people[place]} “${text}”`).join(', ')}`
    })
  }

  /** Writes, and notes what it changes. Unless it is `foreign`, the token of who wrote knows of that. */
  async function write(
    what: string,
    facts: readonly (readonly [Fact, boolean])[],
    ask: Write,
    foreign = false,
  ): Promise<string | undefined> {
    const calledAtMs = driver.nowMs()
    const changes = facts.map(([one, value]): [Fact, Change] => [one, begin(one, value, calledAtMs)])
    tell(() => `${what} …`)
    const known = (foreign ? undefined : tokens.get(ask.who)) ?? NOTHING
    const outcome = await driver.write(ask, known.token)
    const nowMs = driver.nowMs()
    tell(() => `${what}: ${said(outcome)}`)
    if (outcome.is === 'done') {
      if (!foreign)
        tokens.set(ask.who, { token: outcome.value.token, changes: new Set([...known.changes, ...changes.map(([, change]) => change)]) })
      for (const [one, change] of changes) {
        if (outcome.value.requested) takeBack(one, change)
        else change.ackedAtMs = nowMs
      }
      return outcome.value.id
    }
    if (outcome.is === 'refused') for (const [one, change] of changes) takeBack(one, change)
    else judge.unavailable(`${what}: ${said(outcome)}`, calledAtMs, nowMs)
    return undefined
  }

  function said(outcome: Outcome<{ readonly id: string | undefined; readonly requested: boolean }>): string {
    if (outcome.is !== 'done') return 'why' in outcome ? `${outcome.is} (${outcome.why})` : 'no answer'
    return outcome.value.requested ? 'requested' : `done${outcome.value.id ? `, ${outcome.value.id}` : ''}`
  }

  async function create(activity: Activity, what: string, ask: Parameters<Driver['write']>[0]): Promise<void> {
    log.activities.push(activity)
    const id = await write(what, [[activity.made, true]], ask)
    if (id !== undefined && activity.id === undefined) {
      activity.id = id
      log.byId.set(id, activity)
    }
  }

  const standing = (which: (activity: Activity) => boolean, nth: number): Activity | undefined => {
    const some = log.activities.filter((one) => one.id !== undefined && one.kept.changes.length === 0 && which(one))
    return some.length === 0 ? undefined : some[some.length - 1 - (nth % some.length)]
  }

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

  const lineUp = ({ lines, next, gap, source, degraded }: Page): string => {
    const texts = lines.map(({ text, repostedBy }) => (repostedBy ? `${text} (by ${repostedBy})` : text))
    const marks = [next === null ? 'END' : '', gap === null ? '' : 'GAP', source === 'popular' ? 'POPULAR' : '', degraded.join(', ')]
    return [texts.join(' | ') || 'nothing', ...marks.filter(Boolean)].join(' ')
  }

  interface Reads {
    readonly who: string
    readonly at: number
    readonly limit: number
    readonly insists: boolean
  }

  /** Reads a page of the feed and has it judged; undefined where there was none. */
  async function feedPage(
    { who, at: isolate, limit, insists }: Reads,
    from: From,
    what: string,
    judged: (reading: Reading) => void,
  ): Promise<Page | undefined> {
    const { token, changes: knows } = (insists ? tokens.get(who) : undefined) ?? NOTHING
    const told = `${who} reads ${what} by ${limit} at ${isolate}${token ? ' with token' : ''}`
    return read(
      told,
      () => driver.feed(who, { isolate, limit, from, token }),
      (page, begunAtMs) => {
        const endedAtMs = driver.nowMs()
        if (!page) return judge.unauthorized(who, begunAtMs, endedAtMs)
        pages++
        tell(() => `${told} since ${((begunAtMs - startedAtMs) / 1_000).toFixed(3)}: ${lineUp(page)}`)
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
    const { token, changes: knows } = (insists && !unknown ? tokens.get(who) : undefined) ?? NOTHING
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
          pages++
          tell(() => `${told}: ${lineUp(value)}`)
          judge.authorPage(scroll, author, { ...reading, limit, page: value })
        },
        (why) => {
          refused = why
          return true
        },
      )
      if (!page?.next || scroll.pages >= MAX_PAGES || firstBroken) return
      from = { at: 'next', cursor: page.next }
    }
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

  /** What each account command makes true or false. */
  const ACCOUNTS = {
    'go private': ['open', false],
    'go public': ['open', true],
    suspend: ['active', false],
    reinstate: ['active', true],
    'delete account': ['alive', false],
  } as const
  const BETWEEN = {
    follow: ['follows', true],
    unfollow: ['follows', false],
    mute: ['mutes', true],
    unmute: ['mutes', false],
    unblock: ['blocks', false],
  } as const

  async function act(command: Command): Promise<void> {
    switch (command.does) {
      case 'wait':
        return
      case 'post': {
        const who = at(command.who)
        const { audience } = command
        const text = `post ${++posts}`
        const activity = { id: undefined, actor: who, root: undefined, text, audience, made: fact(false), kept: fact(true) }
        return create(activity, `${who} posts “${text}”${audience === 'public' ? '' : ' to followers'}`, {
          does: 'post',
          who,
          text,
          audience,
        })
      }
      case 'repost': {
        const who = at(command.who)
        const target = standing(() => true, command.nth)
        const root = target && rootOf(target)
        if (!target?.id || !root || root.kept.changes.length > 0) return
        if (log.activities.some((one) => one.actor === who && one.root === root && one.kept.changes.length === 0)) return
        const activity = {
          id: undefined,
          actor: who,
          root,
          text: root.text,
          audience: 'public' as const,
          made: fact(false),
          kept: fact(true),
        }
        return create(activity, `${who} reposts “${root.text}”`, { does: 'repost', who, post: target.id })
      }
      case 'undo':
      case 'delete': {
        const who = at(command.who)
        const target = standing((one) => one.actor === who && (one.root !== undefined) === (command.does === 'undo'), command.nth)
        const post = target?.root?.id ?? target?.id
        if (!target || post === undefined) return
        const what = command.does === 'undo' ? `${who} undoes the repost of “${target.text}”` : `${who} deletes “${target.text}”`
        await write(what, [[target.kept, false]], { does: command.does, who, post })
        return
      }
      case 'like':
      case 'unlike': {
        const who = at(command.who)
        const target = standing(() => true, command.nth)
        if (!target?.id) return
        await write(`${who} ${command.does}s “${target.text}”`, [[log.fact('likes', who, target.text), command.does === 'like']], {
          does: command.does,
          who,
          post: target.id,
        })
        return
      }
      case 'follow':
      case 'unfollow':
      case 'mute':
      case 'unmute':
      case 'unblock': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        const [kind, value] = BETWEEN[command.does]
        await write(`${who} ${command.does}s ${whom}`, [[log.fact(kind, who, whom), value]], { does: command.does, who, whom })
        return
      }
      case 'block': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        const facts = [log.fact('blocks', who, whom), log.fact('follows', who, whom), log.fact('follows', whom, who)]
        await write(
          `${who} blocks ${whom}`,
          facts.map((one, i) => [one, i === 0]),
          { does: 'block', who, whom },
        )
        return
      }
      case 'accept': {
        const [who, whom] = [at(command.who), at(command.whom)]
        if (who === whom) return
        await write(`${who} accepts ${whom}`, [[log.fact('follows', whom, who), true]], { does: 'accept', who, whom }, true)
        return
      }
      case 'go private':
      case 'go public':
      case 'suspend':
      case 'reinstate':
      case 'delete account': {
        const who = at(command.who)
        const [kind, value] = ACCOUNTS[command.does]
        await write(`${who}: ${command.does}`, [[log.fact(kind, who), value]], { does: command.does, who }, true)
        return
      }
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
        } while (open && open.scroll.pages < MAX_PAGES && !firstBroken)
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
        const { token, changes: knows } = (command.insists && who !== undefined ? tokens.get(who) : undefined) ?? NOTHING
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
      default:
        return trouble(command)
    }
  }

  await setUp()
  const underWay: Promise<void>[] = []
  for (const command of [...history.commands, ...history.ending]) {
    const done = act(command).catch(isBroken)
    underWay.push(done)
    if (command.waits) await done
    if (command.thenMs > 0) await driver.sleep(command.thenMs)
    if (firstBroken) break
  }
  if (!firstBroken) await Promise.all(underWay)
  return { broken: firstBroken, pages, story }
}
