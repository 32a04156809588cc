import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_RECORDED } from '../../contract/l2/scripts.ts'
import { NEVER_MS, SHARED_TIERS, SOON_MS, type Subject, speak, textOf, tokenOf, upTo, type Words } from '../support/shared-tiers.ts'

/** What readers do with it; what the origin does is in `shared-tier-writes.test.ts`. */
describe.each(SHARED_TIERS)('the shared tier %s', (_, start) => {
  let subject: Subject
  let fill: Words['fill']
  let invalidate: Words['invalidate']
  let lease: Words['lease']
  let push: Words['push']
  let put: Words['put']
  let read: Words['read']
  let storedOf: Words['storedOf']
  beforeAll(async () => {
    subject = await start()
    ;({ fill, invalidate, lease, push, put, read, storedOf } = speak(subject))
  })
  beforeEach(async () => {
    subject.setReplicaLagMs(0)
    await subject.empty()
  })
  afterAll(() => subject?.stop())

  describe('read', () => {
    test('answers for each key what is stored, in order, and nothing for the rest', async () => {
      const [a, c] = [await put('a', 'A é 🌊'), await put('c', null)]
      expect(await subject.tier.read(['a', 'b', 'c', 'a'])).toEqual([a, undefined, c, a])
    })

    test('a value is gone when its grace has ended', async () => {
      await put('a', 'A', { livesMs: SOON_MS })
      await subject.eventually(async () => expect(await read('a')).toBeUndefined())
    })

    test('a replica that lags answers what was true; lease speaks to the primary', async () => {
      const old = await put('a', 'A')
      subject.setReplicaLagMs(60_000)
      await push('a', 1)
      await put('b', 'B')
      expect(await subject.tier.read(['a', 'b'])).toEqual([old, undefined])
      const seen = { seenSoftEndMs: old.life.softExpiresAtMs, seenStamp: old.stamp }
      expect((await lease('a', 1, seen))?.stored).toMatchObject({ stamp: old.stamp + 1, payload: `A${textOf(1)}` })
      expect((await lease('b', 1))?.state).toBe('fresher')
      subject.setReplicaLagMs(0)
      expect((await subject.tier.read(['a', 'b'])).map((stored) => stored?.payload)).toEqual([`A${textOf(1)}`, 'B'])
    })
  })

  describe('lease', () => {
    test('one of many gets it, each key for itself', async () => {
      expect((await lease('a', 1))?.state).toBe('granted')
      expect((await lease('a', 2))?.state).toBe('refused')
      const wanted = ['a', 'b'].map((key) => ({ key, leastTruth: 0, beatsSoftEndMs: 0, seenSoftEndMs: 0, seenStamp: 0 }))
      expect((await subject.tier.lease(wanted, tokenOf(3), 60_000)).map(({ state }) => state)).toEqual(['refused', 'granted'])
    })

    test('its holder does not get it twice', async () => {
      await lease('a', 1)
      expect((await lease('a', 1))?.state).toBe('refused')
    })

    test('it runs out', async () => {
      await lease('a', 1, {}, SOON_MS)
      await subject.eventually(async () => expect((await lease('a', 2))?.state).toBe('granted'))
      expect(await fill('a', 1, storedOf('late'))).toBeUndefined()
    })

    test('a value with a later soft end is fresher: no load is wanted', async () => {
      const stored = await put('a', 'A')
      expect(await lease('a', 1)).toEqual({ state: 'fresher', stored })
      expect(await lease('a', 1, { beatsSoftEndMs: stored.life.softExpiresAtMs - 1 })).toEqual({ state: 'fresher', stored })
      expect((await lease('a', 1, { beatsSoftEndMs: stored.life.softExpiresAtMs }))?.state).toBe('granted')
    })

    test('a value below the least truth is not fresher, but is answered along', async () => {
      const stored = await put('a', 'A', { truth: 4 })
      expect(await lease('a', 1, { leastTruth: 4 })).toEqual({ state: 'fresher', stored })
      expect(await lease('a', 1, { leastTruth: 5 })).toEqual({ state: 'granted', stored })
      expect(await lease('a', 2, { leastTruth: 5 })).toEqual({ state: 'refused', stored })
    })

    test('a push makes a value fuller, not fresher', async () => {
      const { life, stamp } = await put('a', 'A')
      await push('a', 1)
      const seen = { beatsSoftEndMs: life.softExpiresAtMs, seenSoftEndMs: life.softExpiresAtMs, seenStamp: stamp }
      const fuller = expect.objectContaining({ payload: `A${textOf(1)}`, stamp: stamp + 1 })
      expect(await lease('a', 1, seen)).toEqual({ state: 'granted', stored: fuller })
    })

    test('what the reader has seen already is not sent again', async () => {
      const { life, stamp } = await put('a', 'A')
      const seen = { beatsSoftEndMs: life.softExpiresAtMs, seenSoftEndMs: life.softExpiresAtMs, seenStamp: stamp }
      expect(await lease('a', 1, seen)).toEqual({ state: 'granted', stored: undefined })
      expect(await lease('a', 2, seen)).toEqual({ state: 'refused', stored: undefined })
    })
  })

  describe('release', () => {
    const anything = { beatsSoftEndMs: NEVER_MS }

    test('lets the next one have the lease after a rest, not before', async () => {
      await lease('a', 1)
      await subject.tier.release(['a'], tokenOf(1), SOON_MS)
      expect((await lease('a', 2))?.state).toBe('refused')
      await subject.eventually(async () => expect((await lease('a', 2))?.state).toBe('granted'))
    })

    test('is the holder’s alone, for each key', async () => {
      await lease('a', 1)
      await lease('b', 2)
      await subject.tier.release(['a', 'b', 'c'], tokenOf(1), 1)
      await subject.eventually(async () => expect((await lease('a', 3))?.state).toBe('granted'))
      expect((await lease('b', 3))?.state).toBe('refused')
      expect((await lease('c', 3))?.state).toBe('granted')
    })

    test('leaves the value as it is, and what is pushed during the rest comes into it', async () => {
      const stored = await put('a', 'A')
      await lease('a', 1, anything)
      await subject.tier.release(['a'], tokenOf(1), SOON_MS)
      expect(await read('a')).toEqual(stored)
      await push('a', 1)
      expect((await read('a'))?.payload).toBe(`A${textOf(1)}`)
      await subject.eventually(async () => expect((await lease('a', 2, anything))?.state).toBe('granted'))
      expect(await fill('a', 2, storedOf('B'))).toMatchObject({ pushed: '' })
    })
  })

  describe('fill', () => {
    test('is the holder’s alone, and once', async () => {
      expect(await fill('a', 1, storedOf('A'))).toBeUndefined()
      await lease('a', 1)
      expect(await fill('a', 2, storedOf('A'))).toBeUndefined()
      expect(await fill('a', 1, storedOf('A'))).toEqual({ stamp: 1, pushed: '' })
      expect(await fill('a', 1, storedOf('A'))).toBeUndefined()
      expect((await read('a'))?.payload).toBe('A')
    })

    test('keeps every end, delta and truth, and raises the stamp', async () => {
      const first = await put('a', 'A', { truth: 3 })
      const second = await put('a', 'B', { truth: 3 })
      expect([first.stamp, second.stamp]).toEqual([1, 2])
      expect(await read('a')).toEqual(second)
    })

    test('brings what was pushed meanwhile, and stores it', async () => {
      await lease('a', 1)
      await push('a', 1, 2, 3)
      expect(await fill('a', 1, storedOf('A'))).toEqual({ stamp: 1, pushed: textOf(1, 2, 3) })
      expect((await read('a'))?.payload).toBe(`A${textOf(1, 2, 3)}`)
    })

    test('replaces what was pushed before the lease: the load has read that', async () => {
      await put('a', 'A')
      await push('a', 1)
      await put('a', 'B')
      expect((await read('a'))?.payload).toBe('B')
    })

    test('is judged for each key', async () => {
      await lease('a', 1)
      await lease('b', 2)
      const values = ['a', 'b'].map((key) => ({ key, stored: storedOf(key) }))
      expect(await subject.tier.fill(values, tokenOf(1))).toEqual([{ stamp: 1, pushed: '' }, undefined])
      expect((await subject.tier.read(['a', 'b'])).map((stored) => stored?.payload)).toEqual(['a', undefined])
    })

    test('is refused below a truth that is stored, and gives its lease back', async () => {
      await put('a', 'new', { truth: 5 })
      await lease('a', 1, { leastTruth: 9 })
      expect(await fill('a', 1, storedOf('old', { truth: 4 }))).toBeUndefined()
      expect((await read('a'))?.payload).toBe('new')
      expect((await lease('a', 2, { leastTruth: 9 }))?.state).toBe('granted')
    })

    test('is refused after an invalidation', async () => {
      await lease('a', 1)
      await invalidate('a', 1)
      expect(await fill('a', 1, storedOf('old'))).toBeUndefined()
      expect(await read('a')).toBeUndefined()
    })

    test(`holds ${MAX_RECORDED} pushes and is refused with one more`, async () => {
      await lease('a', 1)
      await push('a', ...upTo(MAX_RECORDED))
      expect(await fill('a', 1, storedOf('A'))).toEqual({ stamp: 1, pushed: textOf(...upTo(MAX_RECORDED)) })
      await lease('b', 1)
      await push('b', ...upTo(MAX_RECORDED + 1))
      expect(await fill('b', 1, storedOf('B'))).toBeUndefined()
      expect(await read('b')).toBeUndefined()
    })

    test('of an absence is refused where something was pushed', async () => {
      await lease('a', 1)
      await push('a', 1)
      expect(await fill('a', 1, storedOf(null))).toBeUndefined()
      expect(await read('a')).toBeUndefined()
    })
  })
})
