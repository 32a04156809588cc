import { expect, test } from 'vitest'
import { createCacheWorld, TTL } from '../support/cache-world.ts'

const KEY = 'k'
const READS = 50

test('an origin that answers an older version than L2 has is asked now and then, not by every reader', async () => {
  const world = createCacheWorld()
  world.origin.write(KEY, 'v1')
  world.origin.write(KEY, 'v2')
  await world.warm(KEY, 'v3')
  await world.clock.advance(TTL.softMs)
  const isolate = world.isolate({
    // As if the origin read from a copy that lags behind.
    through: (tier) => ({
      ...tier,
      fill: (values, ...rest) =>
        tier.fill(
          values.map(({ key, stored }) => ({ key, stored: { ...stored, truth: 1 } })),
          ...rest,
        ),
    }),
  })
  for (let read = 0; read < READS; read++) {
    expect((await isolate.read(KEY)).value).toBe('v3')
    await isolate.settled() // a load takes 100 ms
  }
  expect(world.origin.loads.length).toBeLessThan(READS / 4)
})
