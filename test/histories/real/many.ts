import { setTimeout as sleep } from 'node:timers/promises'
import type { History } from '../history.ts'
import { play } from '../play.ts'
import { playOnTwins } from '../run.ts'
import { type Blow, createConductor } from './conductor.ts'
import { createRealDriver, type Pace } from './driver.ts'
import type { Parts } from './parts.ts'

interface Many {
  readonly histories: readonly History[]
  /** How many are lived through at a time. */
  readonly atOnce: number
  readonly pace: Pace
  /** What meets all of them, one after the other, until they are over. */
  blows(): Iterable<Blow>
  /** The pause before each blow (milliseconds): all is well for a while, or nothing would have to be right. */
  readonly quietMs: number
}

/** Promise 4 (milliseconds). */
const SETTLED_MS = 5_000
/** The pause before the end of a history (real milliseconds). */
const SETTLES_MS = SETTLED_MS + 500

export interface Outcome {
  readonly seed: number
  readonly broken: string | undefined
  readonly story: readonly string[]
  readonly pages: number
  /** Of each page that said that it may be less than it should be, and was not judged, why. */
  readonly degraded: readonly string[]
}

/** Lives through many histories on the same parts. Each has people of its own; a blow meets all. */
export async function playMany(
  parts: Parts,
  { histories, atOnce, pace, blows, quietMs }: Many,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly told: string }> {
  const conductor = createConductor(parts)
  const outcomes: Outcome[] = []
  const over = new AbortController()
  const waiting = [...histories]

  async function playOn(): Promise<void> {
    for (let history = waiting.shift(); history; history = waiting.shift()) outcomes.push(await playOne(history))
  }
  async function playOne(history: History): Promise<Outcome> {
    const driver = createRealDriver(parts, pace)
    // Whatever the pace, all is settled before everybody reads everything.
    const ending = history.ending.map((command) => (command.does === 'wait' ? { ...command, thenMs: SETTLES_MS * pace.speed } : command))
    const startedAtMs = driver.nowMs()
    const faults = conductor.join()
    try {
      const { broken, story, pages } = await play({ ...history, ending }, driver, {
        settledMs: SETTLED_MS,
        busy: true,
        tells: true,
        faults,
      })
      return {
        seed: history.seed,
        broken,
        story: broken === undefined ? [] : [...story, ...conductor.told(startedAtMs)].sort(),
        pages,
        degraded: driver.degraded,
      }
    } catch (error) {
      return { seed: history.seed, broken: String(error instanceof Error ? error.stack : error), story: [], pages: 0, degraded: [] }
    } finally {
      conductor.leave(faults)
    }
  }
  async function strike(): Promise<void> {
    for (const blow of blows()) {
      await sleep(quietMs, undefined, { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
      await conductor.strike(blow)
    }
  }

  const striking = strike()
  striking.catch(() => {}) // told below
  await Promise.all(Array.from({ length: atOnce }, playOn))
  over.abort()
  await striking.finally(conductor.stop)
  const pages = outcomes.reduce((sum, one) => sum + one.pages, 0)
  const reasons = [
    ...Map.groupBy(
      outcomes.flatMap(({ degraded }) => degraded),
      (why) => why,
    ),
  ].map(([why, all]) => `${all.length} ${why}`)
  return {
    outcomes,
    told: `${outcomes.length} histories, ${pages} pages, ${conductor.told(0).length / 2} blows and stalls; degraded: ${reasons.join(', ') || 'none'}`,
  }
}

/** What broke, readably: the story, and whether the same history breaks alone, on the twins and on these parts. */
export async function explain(parts: Parts, history: History, { seed, broken, story }: Outcome, pace: Pace): Promise<string> {
  const told = async (where: string, playing: Promise<{ readonly broken: string | undefined }>): Promise<string> => {
    const one = await playing.catch((error: unknown) => ({ broken: String(error) }))
    return `alone on ${where} it ${one.broken === undefined ? 'does not break' : `breaks: ${one.broken}`}`
  }
  const alone = play(history, createRealDriver(parts, pace), { settledMs: SETTLED_MS, busy: true, tells: false })
  return [`history ${seed}: ${broken}`, ...story, await told('the twins', playOnTwins(history)), await told('these parts', alone)].join(
    '\n',
  )
}
