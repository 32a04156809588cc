import { describe, expect, test } from 'vitest'
import type { Key } from '../../worker/cache/entry.ts'
import { createCacheWorld, type Isolate, keyOf, LOAD_MS, MAX_AGE_MS, TTL, type World } from '../support/cache-world.ts'

const NICE: Key<string> = { ...keyOf('nice'), need: 'optional' }
const PROOF: Key<string> = { ...keyOf('proof'), need: 'proof' }
const CLAIM: Key<string> = keyOf('proof')

/** What one turn answered for a key, and how long it took. */
async function ask(world: World, isolate: Isolate, keys: readonly (string | Key<string>)[], leastTruth = 0) {
  const { value: found, tookMs } = await world.timed(isolate.turn(keys, leastTruth))
  return { tookMs, of: (key: Key<string>) => found.get(key) }
}

describe('an optional key', () => {
  test('that is in no cache is gone without, and is there for the next reader', async () => {
    const world = createCacheWorld()
    world.origin.write('nice', 'v')
    const isolate = world.isolate()
    const first = await ask(world, isolate, [NICE])
    expect([first.tookMs, first.of(NICE)]).toEqual([0, undefined])
    await isolate.settled()
    expect((await ask(world, isolate, [NICE])).of(NICE)).toMatchObject({ value: 'v', layer: 'memory' })
  })

  test('rides along where the reader waits for something else anyway: one load for both', async () => {
    const world = createCacheWorld()
    world.origin.write('nice', 'v')
    world.origin.write('needed', 'w')
    const { tookMs, of } = await ask(world, world.isolate(), [NICE, 'needed'])
    expect([tookMs, of(NICE)?.value, world.origin.loads.length]).toEqual([LOAD_MS, 'v', 1])
  })

  test('in grace is served as it is, where a key that is needed would be waited for', async () => {
    const world = createCacheWorld()
    await world.warm('nice', 'old')
    await world.clock.advance(TTL.hardMs)
    world.origin.write('nice', 'new')
    const isolate = world.isolate()
    const { tookMs, of } = await ask(world, isolate, [NICE])
    expect([tookMs, of(NICE)?.value, of(NICE)?.freshness]).toEqual([0, 'old', 'grace'])
    expect((await ask(world, world.isolate(), ['nice'])).tookMs).toBeGreaterThan(0)
  })

  test('keeps nobody waiting for a slow load who has the rest in grace, nor for a slow shared tier who has it in memory', async () => {
    const world = createCacheWorld()
    await world.warm('needed', 'old')
    await world.clock.advance(TTL.hardMs)
    world.origin.latencyMs = 1_500
    const isolate = world.isolate()
    const inGrace = await ask(world, isolate, ['needed', NICE])
    expect([inGrace.tookMs, inGrace.of(keyOf('needed'))?.value, inGrace.of(NICE)]).toEqual([500, 'old', undefined])

    world.origin.latencyMs = LOAD_MS
    await world.warm('other', 'v')
    const warm = world.isolate({ sharedSoftMs: 30 })
    await ask(world, warm, ['other'])
    await world.clock.advance(MAX_AGE_MS)
    world.tier.latencyMs = 200
    const slow = await ask(world, warm, ['other', NICE])
    expect([slow.tookMs, slow.of(keyOf('other'))?.value]).toEqual([30, 'v'])
  })

  test('is waited for by a reader who insists on a truth version: it is their own write', async () => {
    const world = createCacheWorld()
    await world.warm('nice', 'old')
    const truth = world.origin.write('nice', 'new')
    expect((await ask(world, world.isolate(), [NICE], truth)).of(NICE)?.value).toBe('new')
  })
})

describe('a proof', () => {
  /** An isolate that held a value a moment beyond memory's max age when the shared tier went. */
  async function held() {
    const world = createCacheWorld()
    await world.warm('proof', 'v')
    const isolate = world.isolate()
    await ask(world, isolate, [PROOF])
    world.tier.down = true
    await world.clock.advance(MAX_AGE_MS)
    return { world, isolate }
  }

  test('is answered from memory within its max age, shared tier or not', async () => {
    const world = createCacheWorld()
    await world.warm('proof', 'v')
    const isolate = world.isolate()
    await ask(world, isolate, [PROOF])
    world.tier.down = true
    await world.clock.advance(MAX_AGE_MS - 1)
    expect((await ask(world, isolate, [PROOF])).of(PROOF)).toMatchObject({ value: 'v', layer: 'memory' })
  })

  test('is loaded where the shared tier cannot confirm it', async () => {
    const { world, isolate } = await held()
    world.origin.write('proof', 'withdrawn')
    expect((await ask(world, isolate, [PROOF])).of(PROOF)).toMatchObject({ value: 'withdrawn', layer: 'origin' })
  })

  test('fails where nobody can confirm it, while any other key is served as it was', async () => {
    const { world, isolate } = await held()
    world.origin.down = true
    expect((await ask(world, isolate, [PROOF])).of(PROOF)).toBeUndefined()
    expect((await ask(world, isolate, [CLAIM])).of(CLAIM)).toMatchObject({ value: 'v', unverified: true })
  })

  test('fails too with the breaker open, where the shared tier is not asked any more', async () => {
    const { world, isolate } = await held()
    world.origin.down = true
    for (let i = 0; i < 10; i++) await ask(world, isolate, [PROOF])
    const asked = world.tier.calls.length
    expect((await ask(world, isolate, [PROOF])).of(PROOF)).toBeUndefined()
    expect(world.tier.calls.length).toBe(asked)
  })
})
