import assert from 'node:assert/strict'
import type { Clock } from '../../../worker/cache/clock.ts'
import type { Case } from './case.ts'

export interface ClockSubject {
  readonly clock: Clock
  /** Lets time pass until this settles, for a clock that does not go by itself. */
  readonly until?: <T>(promise: Promise<T>) => Promise<T>
}

/** The platform's timers may ring this much early by the clock (milliseconds). */
const EARLY_MS = 1
const byItself = <T>(promise: Promise<T>): Promise<T> => promise

/** What the core wants of time. */
export const clockCases: readonly Case<ClockSubject>[] = [
  {
    name: 'it counts epoch milliseconds and does not go back',
    async run({ clock, until = byItself }) {
      const before = clock.nowMs()
      assert(before > 1_600_000_000_000 && before < 10_000_000_000_000)
      await until(clock.sleep(5))
      assert(clock.nowMs() >= before)
    },
  },
  {
    name: 'a sleep lasts as long as it says, and the shorter ends first',
    async run({ clock, until = byItself }) {
      const startedAtMs = clock.nowMs()
      const ended: number[] = []
      await until(
        Promise.all(
          [40, 10, 25].map(async (ms) => {
            await clock.sleep(ms)
            assert(clock.nowMs() >= startedAtMs + ms - EARLY_MS)
            ended.push(ms)
          }),
        ),
      )
      assert.deepEqual(ended, [10, 25, 40])
    },
  },
  {
    name: 'a sleep of 0 ends in a later turn: promises that need no time settle first',
    async run({ clock, until = byItself }) {
      const order: string[] = []
      const slept = clock.sleep(0).then(() => order.push('sleep'))
      for (let i = 0; i < 20; i++) await Promise.resolve()
      order.push('promises')
      await until(slept)
      assert.deepEqual(order, ['promises', 'sleep'])
    },
  },
  {
    name: 'a sleep whose signal aborts ends at once and does not reject; one whose signal has aborted does not begin',
    async run({ clock }) {
      const startedAtMs = clock.nowMs()
      const awake = new AbortController()
      const slept = clock.sleep(3_600_000, awake.signal)
      awake.abort(new Error('not the sleeper’s business'))
      await slept
      await clock.sleep(3_600_000, awake.signal)
      assert(clock.nowMs() < startedAtMs + 60_000)
    },
  },
]
