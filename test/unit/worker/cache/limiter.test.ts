import { expect, test } from 'vitest'
import { createLimiter } from '../../../../worker/cache/limiter.ts'
import { Overloaded } from '../../../../worker/cache/ports.ts'
import { mulberry32 } from '../../../support/random.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

const setUp = (max: number, waitMs: number) => {
  const clock = createVirtualClock()
  const limiter = createLimiter({ max, waitMs, holdMs: 10_000 }, clock, mulberry32(1))
  let running = 0
  let most = 0
  const work = (tookMs: number) => () => {
    most = Math.max(most, ++running)
    return clock.sleep(tookMs).then(() => void running--)
  }
  return { clock, limiter, work, most: () => most }
}

test('so much runs at once and no more; the rest gets its turn while it waits', async () => {
  const { clock, limiter, work, most } = setUp(3, 1_000)
  await clock.until(Promise.all(Array.from({ length: 12 }, () => limiter.run(work(50)))))
  expect(most()).toBe(3)
})

test('what finds no place in time is refused', async () => {
  const { clock, limiter, work } = setUp(1, 100)
  const first = limiter.run(work(500))
  const startedAtMs = clock.nowMs()
  await expect(clock.until(limiter.run(work(1)))).rejects.toThrow(Overloaded)
  expect(clock.nowMs() - startedAtMs).toBeLessThan(120)
  await clock.until(first)
})

test('without a wait it refuses at once', async () => {
  const { clock, limiter, work } = setUp(1, 0)
  const first = limiter.run(work(500))
  await expect(limiter.run(work(1))).rejects.toThrow(Overloaded)
  await clock.until(first)
})

test('a place is given back however the work ends', async () => {
  const { clock, limiter } = setUp(1, 0)
  await expect(limiter.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  await expect(
    limiter.run(() => {
      throw new Error('threw')
    }),
  ).rejects.toThrow('threw')
  const running = limiter.run(() => clock.sleep(10).then(() => 'done'))
  expect(limiter.full).toBe(true)
  expect(await clock.until(running)).toBe('done')
  expect(limiter.full).toBe(false)
})

test('work that never ends gives its place back after a while: its request may have been ended without a word', async () => {
  const { clock, limiter, work } = setUp(1, 0)
  void limiter.run(() => new Promise(() => {}))
  await clock.advance(10_000)
  await expect(limiter.run(work(1))).rejects.toThrow(Overloaded)
  await clock.advance(1)
  await clock.until(limiter.run(work(1)))
})
