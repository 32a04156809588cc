import type { Random } from '../random.ts'
import { exponential } from './chance.ts'

/** What a reader does next, after a pause (wall clock). */
export interface Step {
  readonly pauseMs: number
  readonly act: Act
  /** In [0, 1): which post of the page it is about. */
  readonly pick: number
}
export type Act = 'open' | 'scroll' | 'refresh' | 'author' | 'post' | 'repost' | 'unrepost' | 'follow' | 'unfollow'

/** After each page: read on, or come back to the top after a while, or leave. */
const SCROLL_SHARE = 0.45
const REFRESH_SHARE = 0.3
/** Simulated milliseconds. */
const READING_MEAN_MS = 20_000
const REFRESH_MEAN_MS = 60_000
const LOOKING_MEAN_MS = 5_000
/** Before going on, this share of pages leads to something else, by these shares. */
const ASIDE_SHARE = 0.15
const ASIDES: readonly (readonly [Act, number])[] = [
  ['author', 0.35],
  ['post', 0.3],
  ['repost', 0.2],
  ['follow', 0.08],
  ['unfollow', 0.04],
  ['unrepost', 0.03],
]

/** Steps a session has in the mean: a geometric number of pages, some with an aside. */
export const STEPS_PER_SESSION = (1 + ASIDE_SHARE) / (1 - SCROLL_SHARE - REFRESH_SHARE)

/**
 * A session: the feed is opened, pages are scrolled, and after a pause it is refreshed, as long as it holds its reader. How many pages
 * people follow is near to geometric with a longer tail (Huberman, Pirolli, Pitkow and Lukose, Science 280, 1998); geometric is the
 * simplest that comes close. `speed` shortens all pauses.
 */
export function sessionSteps(speed: number, random: Random): Step[] {
  const after = (meanMs: number, act: Act): Step => ({ pauseMs: exponential(meanMs, random) / speed, act, pick: random() })
  const steps: Step[] = [{ pauseMs: 0, act: 'open', pick: random() }]
  for (;;) {
    if (random() < ASIDE_SHARE) steps.push(after(LOOKING_MEAN_MS, asideOf(random())))
    const next = random()
    if (next < SCROLL_SHARE) steps.push(after(READING_MEAN_MS, 'scroll'))
    else if (next < SCROLL_SHARE + REFRESH_SHARE) steps.push(after(REFRESH_MEAN_MS, 'refresh'))
    else return steps
  }
}

function asideOf(u: number): Act {
  let end = 0
  for (const [act, share] of ASIDES) {
    end += share
    if (u < end) return act
  }
  return 'author'
}
