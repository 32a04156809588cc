import { type Answer, type Judged, judge } from './judge.ts'
import type { LookedAt, MonitorStore, Tally, Truths } from './ports.ts'

export type MonitorEvent =
  /** An answer contradicts what has been true for longer than the promise, and nothing is owed. `doctor` is what to run next. */
  | {
      readonly type: 'consistency-wrong'
      readonly key: string
      readonly place: string
      readonly cached: number
      readonly truth: number
      readonly why: string
      readonly doctor: string
    }
  /** A cache could not be asked. */
  | { readonly type: 'consistency-blind'; readonly place: string; readonly error: unknown }

interface Parts {
  readonly store: MonitorStore
  readonly truths: Truths
  readonly places: readonly LookedAt[]
  readonly clock: { monotonicMs(): number; sleep(ms: number, signal: AbortSignal): Promise<void> }
  readonly promisedMs: number
  readonly observe: (event: MonitorEvent) => void
}

/** Looks at some keys in every place and compares them with Postgres. Resolves when the turn is over, at once where it is not ours. */
export type TakeTurn = (signal: AbortSignal) => Promise<void>

/**
 * What looks wrong is looked at once more after so long (milliseconds). A Redis that came back with old data is found out within a second, and
 * what it lost is owed again then: late, not lost.
 */
const CONFIRM_MS = 2_000

interface Found {
  readonly answer: Answer
  readonly truth: number
  readonly judged: Judged
}

/** The consistency monitor: samples what caches answer, asks Postgres afterwards (why in that order: `judge`), and keeps count per minute. */
export function createMonitor({ store, truths, places, clock, promisedMs, observe }: Parts): TakeTurn {
  async function lookAt({ look, place }: LookedAt, keys: readonly string[], nowMs: () => number): Promise<Found[]> {
    const lookedAtMs = nowMs() // as if all was read when the first byte was asked for: a later answer can only know more
    const answers = await look(keys).catch((error: unknown) => {
      observe({ type: 'consistency-blind', place, error })
      return []
    })
    if (answers.length === 0) return []
    const known = await truths(answers)
    return answers.flatMap((answer) => {
      const truth = known.get(answer.key)
      if (!truth) return []
      return [{ answer, truth: truth.truth, judged: judge(answer, truth, lookedAtMs, promisedMs) }]
    })
  }

  /** What is still wrong stays so; what is not has come late. */
  async function confirmed(place: LookedAt, found: readonly Found[], nowMs: () => number, signal: AbortSignal): Promise<Found[]> {
    const suspects = found.filter(({ judged }) => judged.verdict === 'wrong').map(({ answer }) => answer.key)
    if (suspects.length === 0) return [...found]
    await clock.sleep(CONFIRM_MS, signal)
    const again = new Map((await lookAt(place, suspects, nowMs)).map((one) => [one.answer.key, one]))
    return found.map((one) => {
      if (one.judged.verdict !== 'wrong') return one
      const then = again.get(one.answer.key)
      return then?.judged.verdict === 'wrong' ? then : { ...one, judged: { verdict: 'beyond', why: one.judged.why } }
    })
  }

  return async (signal) => {
    const turn = await store.take()
    if (!turn || turn.keys.length === 0) return
    // Postgres' clock, carried on by ours: behind by the time its answer took, so that less counts as settled.
    const answeredAtMs = clock.monotonicMs()
    const nowMs = () => turn.nowMs + clock.monotonicMs() - answeredAtMs
    const tallies = await Promise.all(
      places.map(async (place) => {
        const found = await confirmed(place, await lookAt(place, turn.keys, nowMs), nowMs, signal)
        for (const { answer, truth, judged } of found) {
          if (judged.verdict !== 'wrong' || signal.aborted) continue
          const { key, truth: cached } = answer
          observe({ type: 'consistency-wrong', key, place: place.place, cached, truth, why: judged.why, doctor: doctorFor(key) })
        }
        return talliesOf(place.place, found)
      }),
    )
    if (!signal.aborted) await store.record(tallies.flat())
  }
}

/** What begins a key. */
export const kindOf = (key: string): string => /^[a-z]+/.exec(key)?.[0] ?? ''

/** The command that says more: what the viewer of a personal key sees, or all that is known of a shared one. */
function doctorFor(key: string): string {
  const [kind, id = ''] = key.split(':')
  return `npm run doctor -- ${kind === 'tl' || kind === 'vw' ? `--reader ${id}` : `--key ${key}`}`
}

function talliesOf(place: string, found: readonly Found[]): Tally[] {
  return [...Map.groupBy(found, ({ answer }) => kindOf(answer.key))].map(([kind, all]) => {
    const count = (verdict: Judged['verdict']) => all.filter(({ judged }) => judged.verdict === verdict).length
    return { place, kind, checked: all.length, late: count('late'), beyond: count('beyond'), wrong: count('wrong') }
  })
}
