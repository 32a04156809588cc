import { expect, test } from 'vitest'
import { createCacheWorld, LOAD_MS, TTL } from '../support/cache-world.ts'

const KEY = 'k'

test('what a leader loaded who died in its fill lives no longer than it may, and its key is refreshed', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'old')
  let dies = true
  const isolate = world.isolate({
    through: (tier) => ({
      ...tier,
      // A request that was ended goes on with nothing: its promise is never settled.
      fill: (...args) => (dies ? new Promise(() => {}) : tier.fill(...args)),
    }),
  })
  expect((await isolate.read(KEY)).value).toBe('old')
  dies = false
  world.origin.write(KEY, 'new')
  await world.clock.advance(TTL.hardMs + TTL.graceMs)
  const { value: answer, tookMs } = await world.timed(isolate.begin(KEY))
  expect([answer.value, answer.layer, tookMs]).toEqual(['new', 'origin', LOAD_MS])
})
