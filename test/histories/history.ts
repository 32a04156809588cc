import { mulberry32 } from '../support/random.ts'
import type { Trouble } from './driver.ts'

/** Somebody does something, or something goes wrong. People and isolates are places in their lists; `nth` counts back from the newest. */
export type Action =
  | { readonly does: 'post'; readonly who: number }
  | { readonly does: 'repost' | 'undo' | 'delete'; readonly who: number; readonly nth: number }
  | { readonly does: 'follow' | 'unfollow'; readonly who: number; readonly whom: number }
  /** A page: of a new scroll, or of the one this person is in. */
  | ({ readonly does: 'page'; readonly fresh: boolean } & Reads)
  /** A whole scroll, with a pause after each page. */
  | ({ readonly does: 'scroll'; readonly pauseMs: number } & Reads)
  | ({ readonly does: 'author'; readonly whom: number } & Reads)
  | { readonly does: 'look'; readonly who: number; readonly at: number; readonly nth: number; readonly insists: boolean }
  /** Somebody reads on with the cursor of somebody else. */
  | { readonly does: 'borrow'; readonly who: number; readonly whom: number; readonly at: number }
  | { readonly does: 'wait' }
  | Trouble

interface Reads {
  readonly who: number
  readonly at: number
  readonly limit: number
  /** With the version token of the last write. */
  readonly insists: boolean
}

export type Command = Action & {
  /** Is the next command given only when this one is done? */
  readonly waits: boolean
  /** The pause until the next command (milliseconds). */
  readonly thenMs: number
}

/** A story that a system lives through, a function of its seed. */
export interface History {
  readonly seed: number
  readonly people: readonly string[]
  readonly follows: readonly (readonly [viewer: number, author: number])[]
  /** Who posted before it began, oldest first. */
  readonly earlier: readonly number[]
  readonly commands: readonly Command[]
}

const NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana']
const ISOLATES = 3
const MIN_COMMANDS = 30
const LIMITS = [1, 2, 3, 5, 8, 20, 50, 100]
/** The end of a history: all that went wrong is over, what was written is settled, and everybody reads everything (milliseconds). */
const SETTLES_MS = 16_000

/** Draws a history. Each favours some commands and leaves out others: what needs many of a kind together is found sooner that way. */
export function historyOf(seed: number): History {
  const random = mulberry32(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const chance = (share: number): boolean => random() < share
  const oneOf = <T>(some: readonly T[]): T => some[below(some.length)] as T

  const people = NAMES.slice(0, 3 + below(4))
  const dense = random()
  const follows = people.flatMap((_, viewer) =>
    people.flatMap((_, author): [number, number][] => (viewer !== author && chance(dense) ? [[viewer, author]] : [])),
  )
  const earlier = Array.from({ length: below(24) }, () => below(people.length))
  const hurry = random()
  const limits = chance(0.3) ? [oneOf(LIMITS)] : LIMITS
  const insisting = oneOf([0, 0.3, 1])

  const who = (): number => below(people.length)
  const whom = (person: number): number => (person + 1 + below(people.length - 1)) % people.length
  const reads = (): Reads => ({ who: who(), at: below(ISOLATES), limit: oneOf(limits), insists: chance(insisting) })
  const nth = (): number => below(chance(0.7) ? 3 : 20)
  const troubles: readonly (() => Trouble)[] = [
    () => ({ does: 'restart isolate', at: below(ISOLATES) }),
    () => ({ does: 'lose keys', share: random() }),
    () => ({ does: 'flush Redis' }),
    () => ({ does: 'replica lag', ms: oneOf([0, 300, 1_000]) }),
    () => ({ does: 'Redis down', ms: oneOf([300, 2_000, 9_000]) }),
    () => ({ does: 'Redis restarts', from: below(8_000) }),
    () => ({ does: 'origin down', ms: oneOf([300, 2_000, 9_000]) }),
    () => ({ does: 'kill origin process', steps: below(8), backMs: oneOf([100, 3_000, 12_000]) }),
    () => ({ does: 'late fan-out', what: oneOf(['cut', 'push']), ms: oneOf([50, 500, 3_000, 8_000]) }),
    () => ({ does: 'clock steps', ms: below(1_900) - 950 }),
  ]
  const usual: readonly (() => Action)[] = [
    () => ({ does: 'post', who: who() }),
    () => ({ does: 'repost', who: who(), nth: nth() }),
    () => ({ does: 'undo', who: who(), nth: nth() }),
    () => ({ does: 'delete', who: who(), nth: nth() }),
    () => {
      const person = who()
      return { does: 'follow', who: person, whom: whom(person) }
    },
    () => {
      const person = who()
      return { does: 'unfollow', who: person, whom: whom(person) }
    },
    () => ({ does: 'page', fresh: chance(0.4), ...reads() }),
    () => ({ does: 'scroll', pauseMs: oneOf([0, 0, 200, 3_000]), ...reads() }),
    () => ({ does: 'author', whom: who(), ...reads() }),
    () => ({ does: 'look', who: who(), at: below(ISOLATES), nth: nth(), insists: chance(insisting) }),
    () => {
      const person = who()
      return { does: 'borrow', who: person, whom: whom(person), at: below(ISOLATES) }
    },
    () => ({ does: 'wait' }),
  ]
  const likely = [8, 3, 1, 2, 3, 2, 7, 3, 1, 1, 0.2, 1]
  const ill = chance(0.75) ? random() : 0
  const weighed = [
    ...usual.map((draw, i) => ({ draw, weight: (likely[i] ?? 1) * (chance(0.2) ? 0 : random() + 0.2) })),
    ...troubles.map((draw) => ({ draw, weight: chance(0.6) ? 0 : 1.5 * ill * random() })),
  ]
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0)
  function action(): Action {
    let at = random() * total
    for (const { draw, weight } of weighed) {
      at -= weight
      if (at < 0) return draw()
    }
    return { does: 'wait' }
  }
  function thenMs(): number {
    const u = random() + (hurry - 0.5) / 2
    if (u < 0.3) return 0
    if (u < 0.5) return below(20)
    if (u < 0.75) return below(900)
    if (u < 0.96) return below(5_000)
    return chance(0.5) ? below(15_000) : below(110_000)
  }
  const commands: Command[] = []
  const length = MIN_COMMANDS + below(30)
  let repeats = 0
  let last = action()
  for (let i = 0; i < length; i++) {
    // Bursts: the same person, or everybody, does the same again.
    if (repeats > 0) repeats--
    else {
      last = action()
      repeats = chance(0.1) ? below(10) : 0
    }
    const again = repeats > 0 && last.does === 'post' ? { ...last, who: chance(0.5) ? last.who : who() } : last
    commands.push({ ...again, waits: chance(0.5), thenMs: thenMs() })
  }
  commands.push({ does: 'wait', waits: true, thenMs: SETTLES_MS })
  for (const [i] of people.entries()) {
    commands.push({ does: 'scroll', who: i, at: below(ISOLATES), limit: oneOf(limits), insists: false, pauseMs: 0, waits: false, thenMs: 0 })
  }
  return { seed, people, follows, earlier, commands }
}
