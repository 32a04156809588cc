import { mulberry32 } from '../support/random.ts'
import type { Trouble } from './driver.ts'

/** Somebody does something, or something goes wrong. People and isolates are places in their lists; `nth` counts back from the newest. */
export type Action =
  | { readonly does: 'post'; readonly who: number; readonly audience: 'public' | 'followers' }
  | { readonly does: 'repost' | 'undo' | 'delete' | 'like' | 'unlike'; readonly who: number; readonly nth: number }
  | {
      readonly does: 'follow' | 'unfollow' | 'accept' | 'mute' | 'unmute' | 'block' | 'unblock'
      readonly who: number
      readonly whom: number
    }
  | { readonly does: 'go private' | 'go public' | 'suspend' | 'reinstate' | 'delete account'; readonly who: number }
  /** A page: of a new scroll, or of the one this person is in. */
  | ({ readonly does: 'page'; readonly fresh: boolean } & Reads)
  /** A whole scroll, with a pause after each page. */
  | ({ readonly does: 'scroll'; readonly pauseMs: number } & Reads)
  /** What came since the top was seen last, and all that its gap holds. */
  | ({ readonly does: 'refresh' } & Reads)
  /** Somebody's own page; `unknown`: without saying who reads. */
  | ({ readonly does: 'author'; readonly whom: number; readonly unknown: boolean } & Reads)
  | {
      readonly does: 'look'
      readonly who: number
      readonly unknown: boolean
      readonly at: number
      readonly nth: number
      readonly insists: boolean
    }
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
  /** At the end, when all that went wrong is over and what was written is settled, everybody reads everything. */
  readonly ending: readonly Command[]
}

const NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana']
const ISOLATES = 3
const MIN_COMMANDS = 30
const LIMITS = [1, 2, 3, 5, 8, 20, 50, 100]
/** Longer than anything that goes wrong takes to be over and settled (milliseconds). */
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
  const closed = oneOf([0, 0, 0.3, 1])

  const who = (): number => below(people.length)
  const whom = (person: number): number => (person + 1 + below(people.length - 1)) % people.length
  const at = (): number => below(ISOLATES)
  const nth = (): number => below(chance(0.7) ? 3 : 20)
  const reads = (): Reads => ({ who: who(), at: at(), limit: oneOf(limits), insists: chance(insisting) })
  const between = (does: 'follow' | 'unfollow' | 'accept' | 'mute' | 'unmute' | 'block' | 'unblock' | 'borrow'): Action => {
    const person = who()
    const pair = { who: person, whom: whom(person) }
    return does === 'borrow' ? { does, ...pair, at: at() } : { does, ...pair }
  }
  type Draw = readonly [weight: number, draw: () => Action]
  const writes: readonly Draw[] = [
    [8, () => ({ does: 'post', who: who(), audience: chance(closed) ? 'followers' : 'public' })],
    [3, () => ({ does: 'repost', who: who(), nth: nth() })],
    [1, () => ({ does: 'undo', who: who(), nth: nth() })],
    [2, () => ({ does: 'delete', who: who(), nth: nth() })],
    [0.7, () => ({ does: chance(0.7) ? 'like' : 'unlike', who: who(), nth: nth() })],
    [3, () => between('follow')],
    [2, () => between('unfollow')],
    [0.7, () => between('mute')],
    [0.5, () => between('unmute')],
    [0.7, () => between('block')],
    [0.5, () => between('unblock')],
    [0.7, () => ({ does: 'go private', who: who() })],
    [0.7, () => ({ does: 'go public', who: who() })],
    [0.7, () => between('accept')],
    [0.4, () => ({ does: 'suspend', who: who() })],
    [0.6, () => ({ does: 'reinstate', who: who() })],
    [0.15, () => ({ does: 'delete account', who: who() })],
  ]
  const readings: readonly Draw[] = [
    [7, () => ({ does: 'page', fresh: chance(0.4), ...reads() })],
    [3, () => ({ does: 'scroll', pauseMs: oneOf([0, 0, 200, 3_000]), ...reads() })],
    [1, () => ({ does: 'refresh', ...reads() })],
    [1.5, () => ({ does: 'author', whom: who(), unknown: chance(0.3), ...reads() })],
    [1, () => ({ does: 'look', who: who(), unknown: chance(0.3), at: at(), nth: nth(), insists: chance(insisting) })],
    [0.2, () => between('borrow')],
    [1, () => ({ does: 'wait' })],
  ]
  const forgets: readonly Draw[] = [
    [1, () => ({ does: 'restart isolate', isolate: at() })],
    [1, () => ({ does: 'lose keys', share: oneOf([0.2, 1]) })],
  ]
  const troubles: readonly Draw[] = [
    ...forgets,
    [0.5, () => ({ does: 'flush Redis' })],
    [1, () => ({ does: 'replica lag', ms: oneOf([0, 300, 1_000]) })],
    [1, () => ({ does: 'Redis down', ms: oneOf([300, 2_000, 9_000]) })],
    [1, () => ({ does: 'Redis restarts', from: below(chance(0.5) ? 800 : 8_000) })],
    [1, () => ({ does: 'origin down', ms: oneOf([300, 2_000, 9_000]) })],
    [1, () => ({ does: 'Postgres slow', ms: oneOf([500, 3_000]) })],
    [1.5, () => ({ does: 'kill origin process', steps: below(12), backMs: oneOf([100, 3_000, 12_000]) })],
    [1, () => ({ does: 'late fan-out', what: oneOf(['cut', 'push']), ms: oneOf([50, 500, 3_000, 8_000]) })],
    [0.7, () => ({ does: 'clock steps', ms: below(1_900) - 950 })],
  ]
  const ill = chance(0.75) ? 0.25 * random() : 0
  const favoured = (draws: readonly Draw[], kept: number): Draw[] =>
    draws.map(([weight, draw]) => [chance(kept) ? weight * (random() + 0.2) : 0, draw])
  const drawnFrom = (draws: readonly Draw[]): Action => {
    let left = random() * draws.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, draw] of draws) {
      left -= weight
      if (left < 0) return draw()
    }
    return { does: 'wait' }
  }
  const favouredWrites = favoured(writes, 0.7)
  const favouredReads = favoured(readings, 0.8)
  const favouredTroubles = favoured(troubles, 0.4)
  const reading = 0.3 + 0.4 * random()
  const racing = oneOf([0, 0.15, 0.4])

  function thenMs(): number {
    const u = random() + (hurry - 0.5) / 2
    if (u < 0.3) return 0
    if (u < 0.5) return below(20)
    if (u < 0.75) return below(900)
    if (u < 0.96) return below(5_000)
    return chance(0.5) ? below(15_000) : below(110_000)
  }
  const command = (action: Action): Command => ({ ...action, waits: chance(0.5), thenMs: thenMs() })
  const soon = (action: Action, ms: number): Command => ({ ...action, waits: false, thenMs: below(ms) })

  /** What happens within milliseconds, on cold caches: loads, writes and reads overtake each other; and then somebody looks. */
  function race(): Command[] {
    const actions = Array.from({ length: 2 + below(4) }, () => drawnFrom(chance(0.5) ? writes : readings))
    const cold = chance(0.6) ? [soon(drawnFrom(forgets), 1)] : []
    const after = chance(0.5) ? [command({ does: 'wait' }), command({ does: 'page', fresh: true, ...reads() })] : []
    return [...cold, ...actions.map((action) => soon(action, 15)), ...after]
  }
  /** What goes wrong goes wrong with something under way. */
  function trouble(): Command[] {
    const wrong = drawnFrom(favouredTroubles)
    const some = () => Array.from({ length: 1 + below(3) }, () => drawnFrom(writes))
    if (wrong.does === 'Redis restarts')
      return [...some().map((action): Command => ({ ...action, waits: true, thenMs: below(150) })), command(wrong)]
    return [{ ...command(wrong), waits: false, thenMs: below(chance(0.7) ? 5 : 500) }, ...some().map((action) => soon(action, 20))]
  }

  /** Somebody becomes crowded, posts, and is left again: this takes minutes of reads and posts in the right places, which chance finds rarely. */
  function crowding(): Command[] {
    const star = who()
    const others = people.map((_, i) => i).filter((i) => i !== star)
    const reader = oneOf(others)
    const wait = (ms: number): Command => ({ does: 'wait', waits: true, thenMs: ms })
    const looks = (): Command => ({ does: 'page', fresh: true, ...reads(), who: reader, waits: true, thenMs: below(400) })
    const posts = (): Command[] => Array.from({ length: 1 + below(2) }, () => soon({ does: 'post', who: star, audience: 'public' }, 200))
    const all = (does: 'follow' | 'unfollow', some: readonly number[]): Command[] =>
      some.map((i) => ({ does, who: i, whom: star, waits: true, thenMs: below(50) }))
    const rest = others.filter((i) => i !== reader)
    const comes = [...all('follow', [reader]), wait(below(2_000)), looks(), ...all('follow', rest)]
    if (chance(0.4)) return [...comes, wait(16_000 + below(6_000)), ...posts(), wait(5_100 + below(2_000)), looks()]
    const pulled = [wait(42_000 + below(4_000)), looks(), wait(15_500 + below(3_000)), ...posts(), wait(below(6_000)), looks()]
    const left = [
      ...all('unfollow', rest.slice(0, rest.length - below(2))),
      wait(4_000 + below(4_000)),
      looks(),
      wait(below(7_000)),
      looks(),
    ]
    return [...comes, ...pulled, ...left, ...(chance(0.5) ? [wait(40_000 + below(9_000)), ...posts(), wait(6_000), looks()] : [])]
  }

  const commands: Command[] = []
  if (chance(0.12)) commands.push(...crowding())
  const length = MIN_COMMANDS + below(30)
  while (commands.length < length) {
    if (chance(ill)) commands.push(...trouble())
    else if (chance(racing)) commands.push(...race())
    else if (chance(0.05)) {
      const burst = drawnFrom(writes.slice(0, 2))
      for (let times = 2 + below(10); times > 0; times--) commands.push(soon({ ...burst, ...(chance(0.5) && { who: who() }) }, 2))
    } else commands.push(command(drawnFrom(chance(reading) ? favouredReads : favouredWrites)))
  }
  const ending = people.flatMap((_, i): Command[] => [
    { does: 'scroll', who: i, at: at(), limit: oneOf(limits), insists: false, pauseMs: 0, waits: false, thenMs: 0 },
    { does: 'author', who: i, whom: who(), unknown: chance(0.3), at: at(), limit: oneOf(limits), insists: false, waits: false, thenMs: 0 },
  ])
  return { seed, people, follows, earlier, commands, ending: [{ does: 'wait', waits: true, thenMs: SETTLES_MS }, ...ending] }
}
