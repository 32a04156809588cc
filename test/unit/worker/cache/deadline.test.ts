import { expect, test } from 'vitest'
import { patience, withDeadline } from '../../../../worker/cache/deadline.ts'
import { createVirtualClock } from '../../../support/virtual-clock.ts'

test('work that ends in time is answered, and its timer with it', async () => {
  const clock = createVirtualClock()
  const work = withDeadline(clock, 100, () => clock.sleep(99).then(() => 'done'))
  expect(await clock.until(work)).toBe('done')
  await clock.idle()
  expect(clock.sleeping).toBe(0)
})

test('work that does not is given up, and told so', async () => {
  const clock = createVirtualClock()
  let told: unknown
  const work = withDeadline(clock, 100, async (signal) => {
    await clock.sleep(1_000, signal)
    told = signal.reason
  })
  await expect(clock.until(work)).rejects.toThrow('no answer within 100 ms')
  await clock.idle()
  expect(told).toMatchObject({ name: 'DeadlineExceeded' })
})

test('an error of the work is the work’s', async () => {
  const clock = createVirtualClock()
  await expect(clock.until(withDeadline(clock, 100, () => Promise.reject(new RangeError('mine'))))).rejects.toThrow('mine')
})

/** A process that is held up by its own work: its timers ring late. */
function heldUp(lateMs: number) {
  const clock = createVirtualClock()
  let isLate = true
  const sleep = async (ms: number, signal?: AbortSignal) => {
    const extraMs = isLate ? lateMs : 0
    isLate = false
    await clock.sleep(ms + extraMs, signal)
  }
  return { clock, late: { nowMs: clock.nowMs, sleep } }
}

test.each([
  { lateMs: 0, tookMs: 100 },
  { lateMs: 5, tookMs: 105 },
  { lateMs: 60, tookMs: 100 + 60 + 60 },
  { lateMs: 900, tookMs: 100 + 900 + 100 },
])('a process that was held up for $lateMs ms gets a moment more, never more than the deadline again', async ({ lateMs, tookMs }) => {
  const { clock, late } = heldUp(lateMs)
  const startedAtMs = clock.nowMs()
  await clock.until(patience(late, 100))
  expect(clock.nowMs() - startedAtMs).toBe(tookMs)
})
