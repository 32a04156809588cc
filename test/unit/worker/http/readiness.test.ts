import { expect, test } from 'vitest'
import { createReadiness } from '../../../../worker/http/readiness.ts'

/** A clock by hand: every sleep lets time pass. */
function stepClock() {
  let nowMs = 0
  return {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms
    },
  }
}
const answers = (ok: boolean) => async () => ok

test.each([
  [true, true, 'ready'],
  [true, false, 'degraded'],
  [false, true, 'degraded'],
  [false, false, 'not ready'],
] as const)('with Redis %s and the origin %s it is %s', async (l2, origin, status) => {
  const verdict = await createReadiness({ l2: answers(l2), origin: answers(origin) }, stepClock())()
  expect(verdict).toEqual({ status, checks: { l2: { ok: l2, ms: 0 }, origin: { ok: origin, ms: 0 } } })
})

test('a probe that fails is one that says no', async () => {
  const readiness = createReadiness({ l2: () => Promise.reject(new Error('timeout')), origin: answers(true) }, stepClock())
  expect((await readiness()).status).toBe('degraded')
})

test('a verdict is repeated for a second and not for longer', async () => {
  const clock = stepClock()
  let asked = 0
  const l2 = async () => ++asked > 0
  const readiness = createReadiness({ l2, origin: answers(true) }, clock)
  await readiness()
  await clock.sleep(999)
  await readiness()
  expect(asked).toBe(1)
  await clock.sleep(1)
  await readiness()
  expect(asked).toBe(2)
})

test('when whoever asks is never answered, another one asks after a while', async () => {
  let asked = 0
  const l2 = () => (++asked === 1 ? new Promise<boolean>(() => {}) : Promise.resolve(true))
  const readiness = createReadiness({ l2, origin: answers(true) }, stepClock())
  void readiness()
  expect((await readiness()).status).toBe('ready')
  expect(asked).toBe(2)
})
