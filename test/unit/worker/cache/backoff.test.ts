import { expect, test } from 'vitest'
import { createBackoff } from '../../../../worker/cache/backoff.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

const RULES = { firstMs: 250, maxMs: 5_000, refusedMs: 50 }
/** No jitter. */
const steady = () => 0

test('each failure doubles the wait, up to a cap', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock, steady)
  for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    backoff.failed('k', undefined)
    await clock.advance(waitMs - 1)
    expect(backoff.waits('k'), `${waitMs} ms`).toBe(true)
    await clock.advance(1)
    expect(backoff.waits('k'), `${waitMs} ms`).toBe(false)
  }
})

test('one success forgets the failures', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock, steady)
  for (let i = 0; i < 5; i++) backoff.failed('k', undefined)
  backoff.succeeded('k')
  expect(backoff.waits('k')).toBe(false)
  backoff.failed('k', undefined)
  await clock.advance(250)
  expect(backoff.waits('k')).toBe(false)
})

test('keys fail for themselves', () => {
  const backoff = createBackoff(RULES, createVirtualClock(), steady)
  backoff.failed('a', undefined)
  expect([backoff.waits('a'), backoff.waits('b')]).toEqual([true, false])
})

test('a flood of failing keys costs bounded memory: the oldest are forgotten', () => {
  const backoff = createBackoff(RULES, createVirtualClock(), steady)
  for (let i = 0; i < 10_001; i++) backoff.failed(`k${i}`, undefined)
  expect([backoff.waits('k0'), backoff.waits('k1'), backoff.waits('k10000')]).toEqual([false, true, true])
})

test('a key whose lease was refused rests for a moment, but does not count as failing', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock, steady)
  backoff.refused('k')
  expect([backoff.rests('k'), backoff.waits('k')]).toEqual([true, false])
  await clock.advance(50)
  expect(backoff.rests('k')).toBe(false)
})

test('a refusal neither shortens nor forgets what failures wait for', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock, steady)
  backoff.failed('k', undefined)
  backoff.refused('k')
  await clock.advance(249)
  expect([backoff.rests('k'), backoff.waits('k')]).toEqual([true, true])
  await clock.advance(1)
  backoff.refused('k')
  expect(backoff.failed('k', undefined)).toBe(500)
})

test('waits are jittered downwards, by a tenth at most', () => {
  const backoff = (u: number) => createBackoff(RULES, createVirtualClock(), () => u)
  expect([backoff(0).failed('k', undefined), backoff(0.5).failed('k', undefined), backoff(1).failed('k', undefined)]).toEqual([
    250, 237.5, 225,
  ])
})
