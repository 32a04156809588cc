import { mulberry32, type Random } from '../random.ts'
import { textOf } from '../seed-texts.ts'
import { arrivals, drawer, exponential, pareto, sample } from './chance.ts'
import { STEPS_PER_SESSION, type Step, sessionSteps } from './session.ts'

/** A follow graph as far as the plan needs it. Places in these lists stand for people. */
export interface Population {
  readonly people: readonly { readonly followers: number; readonly followees: number }[]
}

export interface PlanOptions {
  readonly seed: number
  /** Length of the run, wall clock. */
  readonly minutes: number
  /** Simulated minutes per minute of the wall clock. */
  readonly speed: number
  /** How many people read at all: the active set. */
  readonly readers: number
}

/** What somebody does. `atMs` counts from the start of the run, wall clock; people are places in the population. */
export type Action =
  | { readonly type: 'session'; readonly atMs: number; readonly reader: number; readonly steps: readonly Step[] }
  | {
      readonly type: 'post'
      readonly atMs: number
      readonly author: number
      readonly text: string
      /** Milliseconds after which the author regrets it. */
      readonly deletedAfterMs: number | undefined
      /** In [0, 1): which follower watches for it. */
      readonly pick: number
    }

export interface Plan {
  readonly readers: readonly number[]
  /** Sessions and posts that may be expected, over the day's average (per second). */
  readonly sessionsPerS: number
  readonly postsPerS: number
  /** 1, or by how much the rates were lowered so that a small machine holds. */
  readonly scale: number
  /** In the order of time; each iteration begins anew. */
  actions(): Iterable<Action>
}

/** An active reader opens the app every other hour, awake or not: about a dozen times a day. */
const SESSIONS_PER_READER_HOUR = 0.5
/**
 * Posts for each session. With the reposts and follows of `session.ts` about 8 % of all requests write: of what people do in social
 * networks 92 % is browsing (Benevenuto, Rodrigues, Cha and Almeida, IMC 2009).
 */
const POSTS_PER_SESSION = 0.15
/** At the day's peak. In wrangler dev a request takes about 10 ms of the machine, so two cores have half of themselves to spare. */
const MAX_REQUESTS_PER_S = 60
/**
 * How much more often people post who have followers: those with many post more (Kwak, Lee, Park and Moon, WWW 2010), though less than
 * in proportion; the exponent is our assumption.
 */
export const postingWeight = (followers: number): number => (1 + followers) ** 0.7
/** Posting rates have a power-law tail whatever the followers (Bild, Liu, Dick, Mao and Wallach, ACM TOIT 15(1), 2015). */
const POSTING_TAIL = 1.5
/** Readers differ as well: the busiest hundredth opens the app ten times as often as the median. */
const READING_TAIL = 1.8
/** Nobody is more than this busier than the idlest. */
const MOST_TIMES = 50
const DELETED_SHARE = 0.04
const REGRET_MEAN_MS = 4 * 60_000

const HOUR_MS = 3_600_000
/** The run begins in the late afternoon, simulated time. */
const FIRST_HOUR = 16
/** The evening's peak over the day's mean; the night has as much less. */
const DAY_SWING = 0.6
const PEAK_HOUR = 20

/** Share of the day's mean rate at an hour of the simulated day: a cosine with its peak in the evening. */
export const rateOfDay = (hour: number): number => 1 + DAY_SWING * Math.cos(((hour - PEAK_HOUR) / 24) * 2 * Math.PI)

/**
 * What readers and authors do: a merged Poisson process of sessions and posts, denser in the evening, by people whose rates follow
 * power laws. A function of the seed and the population alone. Throws where nobody follows anybody.
 */
export function planOf({ people }: Population, { seed, minutes, speed, readers: wanted }: PlanOptions): Plan {
  const random = mulberry32(seed)
  const mayRead = people.flatMap(({ followees }, place) => (followees > 0 ? [place] : []))
  if (mayRead.length === 0) throw new Error('nobody follows anybody: there is nothing to read')
  const readers = sample(mayRead, wanted, random)
  const drawReader = drawer(readers.map(() => pareto(READING_TAIL, MOST_TIMES, random)))
  const drawAuthor = drawer(people.map(({ followers }) => postingWeight(followers) * pareto(POSTING_TAIL, MOST_TIMES, random)))

  const wishedPerS = (readers.length * SESSIONS_PER_READER_HOUR * speed * 1_000) / HOUR_MS
  const scale = Math.min(1, MAX_REQUESTS_PER_S / (wishedPerS * (1 + DAY_SWING) * (STEPS_PER_SESSION + POSTS_PER_SESSION)))
  const sessionsPerS = wishedPerS * scale
  const actionsSeed = Math.floor(random() * 2 ** 32)

  function* actions(): Generator<Action> {
    const chance = mulberry32(actionsSeed)
    const peak = 1 + DAY_SWING
    const perMs = (sessionsPerS * (1 + POSTS_PER_SESSION)) / 1_000
    const shareAt = (atMs: number) => rateOfDay(FIRST_HOUR + (atMs * speed) / HOUR_MS) / peak
    for (const atMs of arrivals(perMs * peak, shareAt, minutes * 60_000, chance)) {
      // Each action has chance of its own: another step in one session does not change all that follows.
      yield actionAt(atMs, mulberry32(Math.floor(chance() * 2 ** 32)))
    }
  }
  function actionAt(atMs: number, chance: Random): Action {
    if (chance() * (1 + POSTS_PER_SESSION) < 1)
      return { type: 'session', atMs, reader: readers[drawReader(chance())] ?? 0, steps: sessionSteps(speed, chance) }
    const deletedAfterMs = chance() < DELETED_SHARE ? exponential(REGRET_MEAN_MS, chance) / speed : undefined
    return { type: 'post', atMs, author: drawAuthor(chance()), pick: chance(), deletedAfterMs, text: textOf(chance) }
  }
  return { readers, sessionsPerS, postsPerS: sessionsPerS * POSTS_PER_SESSION, scale, actions }
}
