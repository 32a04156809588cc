import { expect, test } from 'vitest'
import { createBreaker } from '../../../../worker/cache/breaker.ts'
import { TierUnavailable, withBreaker } from '../../../../worker/cache/with-breaker.ts'
import { createMemorySharedTier } from '../../../support/memory-shared-tier.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

const RULES = { failures: 3, openMs: 1_000 }
const breakerThatFailed = (times: number) => {
  const clock = createVirtualClock()
  const breaker = createBreaker(RULES, clock)
  for (let i = 0; i < times; i++) breaker.failed()
  return { clock, breaker }
}

test('it stays closed until so many failures in a row', () => {
  const { breaker } = breakerThatFailed(2)
  expect([breaker.open, breaker.allows()]).toEqual([false, true])
  breaker.failed()
  expect([breaker.open, breaker.allows()]).toEqual([true, false])
})

test('one success in between starts the count again', () => {
  const { breaker } = breakerThatFailed(2)
  breaker.succeeded()
  breaker.failed()
  breaker.failed()
  expect(breaker.open).toBe(false)
})

test('after a while one call may try, and only one', async () => {
  const { clock, breaker } = breakerThatFailed(3)
  await clock.advance(999)
  expect(breaker.allows()).toBe(false)
  await clock.advance(1)
  expect([breaker.allows(), breaker.allows(), breaker.allows()]).toEqual([true, false, false])
})

test('the try decides: a success closes it, a failure opens it for another while', async () => {
  const { clock, breaker } = breakerThatFailed(3)
  await clock.advance(1_000)
  expect(breaker.allows()).toBe(true)
  breaker.failed()
  await clock.advance(999)
  expect(breaker.allows()).toBe(false)
  await clock.advance(1)
  expect(breaker.allows()).toBe(true)
  breaker.succeeded()
  expect([breaker.open, breaker.allows(), breaker.allows()]).toEqual([false, true, true])
})

test('a try that never reports does not keep it open for ever', async () => {
  const { clock, breaker } = breakerThatFailed(3)
  await clock.advance(1_000)
  expect(breaker.allows()).toBe(true)
  await clock.advance(1_000)
  expect(breaker.allows()).toBe(true)
})

test('a tier behind an open breaker is not called at all, whatever is asked', async () => {
  const clock = createVirtualClock()
  const tier = createMemorySharedTier(clock)
  const shared = withBreaker(tier, createBreaker(RULES, clock))
  tier.down = true
  for (let i = 0; i < 3; i++) await expect(shared.read(['k'])).rejects.toThrow('down')
  tier.calls.length = 0
  await expect(shared.read(['k'])).rejects.toThrow(TierUnavailable)
  await expect(shared.lease([], 't', 1)).rejects.toThrow(TierUnavailable)
  await expect(shared.fill([], 't')).rejects.toThrow(TierUnavailable)
  expect(tier.calls).toEqual([])
  tier.down = false
  await clock.advance(RULES.openMs)
  expect(await shared.read(['k'])).toEqual([undefined])
  expect(await shared.fill([], 't')).toEqual([])
})

test('where nobody tried for three whiles everybody may, until the next failure', async () => {
  const { clock, breaker } = breakerThatFailed(3)
  await clock.advance(2_999)
  expect([breaker.open, breaker.halfOpen]).toEqual([true, true])
  await clock.advance(1)
  expect([breaker.open, breaker.allows(), breaker.allows()]).toEqual([false, true, true])
  breaker.failed()
  expect([breaker.open, breaker.allows()]).toEqual([true, false])
})

test('as long as somebody tries it forgets nothing', async () => {
  const { clock, breaker } = breakerThatFailed(3)
  for (let tries = 0; tries < 10; tries++) {
    await clock.advance(2_000)
    expect([breaker.open, breaker.allows(), breaker.allows()]).toEqual([true, true, false])
  }
})
