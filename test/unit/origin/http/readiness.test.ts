import { expect, test } from 'vitest'
import { type Check, createReadiness } from '../../../../origin/http/readiness.ts'

/** A clock that moves only when told; a sleep ends when it is reached. */
function handClock() {
  let nowMs = 0
  let sleepers: { untilMs: number; wake: () => void }[] = []
  return {
    monotonicMs: () => nowMs,
    sleep: (ms: number, signal: AbortSignal) =>
      new Promise<void>((wake) => {
        signal.addEventListener('abort', () => wake())
        sleepers.push({ untilMs: nowMs + ms, wake })
      }),
    pass(ms: number) {
      nowMs += ms
      for (const { untilMs, wake } of sleepers) if (untilMs <= nowMs) wake()
      sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs)
    },
  }
}

const well: Check = { required: true, ask: async () => true }
const required: Check = { required: true, ask: async () => false }
const dispensable: Check = { required: false, ask: () => Promise.reject(new Error('gone')) }

test.each([
  ['ready', { well }],
  ['degraded', { well, dispensable }],
  ['not ready', { well, dispensable, required }],
] as const)('%s is what the checks make of it', async (status, checks) => {
  const verdict = await createReadiness(checks, () => false, handClock())()
  expect(verdict.status).toBe(status)
  expect(Object.entries(verdict.checks).map(([name, { ok }]) => [name, ok])).toEqual(
    Object.keys(checks).map((name) => [name, name === 'well']),
  )
})

test('a check that hangs is given up at its deadline', async () => {
  const clock = handClock()
  const verdict = createReadiness({ hung: { required: true, ask: () => new Promise(() => {}) } }, () => false, clock)()
  clock.pass(2_000)
  expect(await verdict).toEqual({ status: 'not ready', checks: { hung: { ok: false, ms: 2_000 } } })
})

test('however many ask, the checks run once a second', async () => {
  const clock = handClock()
  let asked = 0
  const ask = async () => ++asked > 0
  const readiness = createReadiness({ counted: { required: true, ask } }, () => false, clock)
  await Promise.all(Array.from({ length: 100 }, readiness))
  clock.pass(999)
  await readiness()
  expect(asked).toBe(1)
  clock.pass(1)
  await readiness()
  expect(asked).toBe(2)
})

test('a process that is told to stop is not ready at once, whatever was true a moment ago', async () => {
  let stopping = false
  const readiness = createReadiness({ well }, () => stopping, handClock())
  expect((await readiness()).status).toBe('ready')
  stopping = true
  expect((await readiness()).status).toBe('not ready')
})
