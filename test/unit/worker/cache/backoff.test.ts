import { expect, test } from 'vitest'
import { createBackoff } from '../../../../worker/cache/backoff.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

const RULES = { firstMs: 250, maxMs: 5_000 }

test('each failure doubles the wait, up to a cap', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock)
  for (const waitMs of [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    backoff.failed('k')
    await clock.advance(waitMs - 1)
    expect(backoff.waits('k'), `${waitMs} ms`).toBe(true)
    await clock.advance(1)
    expect(backoff.waits('k'), `${waitMs} ms`).toBe(false)
  }
})

test('one success forgets the failures', async () => {
  const clock = createVirtualClock()
  const backoff = createBackoff(RULES, clock)
  for (let i = 0; i < 5; i++) backoff.failed('k')
  backoff.succeeded('k')
  expect(backoff.waits('k')).toBe(false)
  backoff.failed('k')
  await clock.advance(250)
  expect(backoff.waits('k')).toBe(false)
})

test('keys fail for themselves', () => {
  const backoff = createBackoff(RULES, createVirtualClock())
  backoff.failed('a')
  expect([backoff.waits('a'), backoff.waits('b')]).toEqual([true, false])
})

test('a flood of failing keys costs bounded memory: the oldest are forgotten', () => {
  const backoff = createBackoff(RULES, createVirtualClock())
  for (let i = 0; i < 10_001; i++) backoff.failed(`k${i}`)
  expect([backoff.waits('k0'), backoff.waits('k1'), backoff.waits('k10000')]).toEqual([false, true, true])
})
