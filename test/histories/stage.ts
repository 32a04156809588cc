import type { Driver, Token } from './driver.ts'
import type { History } from './history.ts'
import { Broken, createJudge, type Judge, type Promises } from './judge.ts'
import { type Activity, type Change, createLog, type Fault, fact, type Log } from './log.ts'

/** What a client keeps: its version token, and which changes that knows of. Of two writes under way at once the later answer wins. */
export interface Known {
  readonly token: Token
  readonly changes: ReadonlySet<Change>
}
const NOTHING: Known = { token: undefined, changes: new Set() }

export interface PlayOptions extends Promises {
  readonly tells: boolean
  /** What is wrong with the whole system, shared by all histories that are played on it. */
  readonly faults?: Fault[]
}

/** Where a history is played: its people, the log, the judge and the story. */
export interface Stage {
  readonly driver: Driver
  readonly log: Log
  readonly judge: Judge
  readonly tokens: Map<string, Known>
  /** The id of whom a history names by a place. */
  at(place: number): string
  everybody(): readonly string[]
  /** What a client knows who insists, or does not. */
  knownTo(who: string | undefined, insists: boolean): Known
  /** A standing activity, counted back from the newest. */
  standing(which: (activity: Activity) => boolean, nth: number): Activity | undefined
  /** Adds a line to the story, where it is wanted. */
  tell(what: () => string): void
  /** Milliseconds since the beginning, as seconds. */
  sinceStart(atMs: number): string
  /** Keeps the first promise that was broken; throws what is anything else. */
  isBroken(error: unknown): void
  readonly broken: string | undefined
  readonly story: readonly string[]
  pages: number
}

/** Sets up what was there before a history begins. */
export async function createStage(history: History, driver: Driver, options: PlayOptions): Promise<Stage> {
  const log = createLog(options.faults)
  const story: string[] = []
  const startedAtMs = driver.nowMs()
  const tokens = new Map<string, Known>()
  let people: readonly string[] = []
  let broken: string | undefined

  const at = (place: number): string => people[place % people.length] as string
  const named = (text: string): string => people.reduce((told, id, i) => told.replaceAll(id, history.people[i] ?? id), text)
  const sinceStart = (atMs: number): string => ((atMs - startedAtMs) / 1_000).toFixed(3)
  function tell(what: () => string): void {
    if (options.tells) story.push(`${sinceStart(driver.nowMs()).padStart(8)} s  ${named(what())}`)
  }

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

  await setUp()
  return {
    driver,
    log,
    judge: createJudge(log, () => people, options),
    tokens,
    at,
    everybody: () => people,
    knownTo: (who, insists) => (insists && who !== undefined ? tokens.get(who) : undefined) ?? NOTHING,
    standing(which, nth) {
      const some = log.activities.filter((one) => one.id !== undefined && one.kept.changes.length === 0 && which(one))
      return some.length === 0 ? undefined : some[some.length - 1 - (nth % some.length)]
    },
    tell,
    sinceStart,
    isBroken(error) {
      if (!(error instanceof Broken)) throw error
      broken ??= named(error.message)
      tell(() => `BROKEN: ${error.message}`)
    },
    get broken() {
      return broken
    },
    story,
    pages: 0,
  }
}
