import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MAX_RECORDED, MAX_TAIL } from '../../contract/l2/scripts.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import {
  entryOf,
  MACHINE,
  NEVER_MS,
  SHARED_TIERS,
  SOON_MS,
  type Subject,
  speak,
  textOf,
  tokenOf,
  upTo,
  type Words,
} from '../support/shared-tiers.ts'

/** What the origin does to it and readers see of that, on a lagging replica too; the port itself is in `shared-tier.test.ts`. */
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

  describe('push', () => {
    test('appends where a value is, and only there', async () => {
      const a = await put('a', 'A')
      await subject.origin.push(
        [entryOf(1), entryOf(2)],
        [
          { key: 'a', entry: 1 },
          { key: 'b', entry: 0 },
          { key: 'a', entry: 0 },
        ],
        MACHINE,
      )
      expect(await subject.tier.read(['a', 'b'])).toEqual([{ ...a, stamp: a.stamp + 2, payload: `A${textOf(2, 1)}` }, undefined])
    })

    test('of a list that is remembered as absent forgets that', async () => {
      await put('a', null)
      await push('a', 1)
      expect(await read('a')).toBeUndefined()
    })

    test(`makes a value stale beyond ${MAX_TAIL} since its fill, and drops it beyond twice as many`, async () => {
      const { life } = await put('a', 'A')
      await push('a', ...upTo(MAX_TAIL))
      expect((await read('a'))?.life).toEqual(life)
      await push('a', MAX_TAIL)
      expect((await read('a'))?.life).toEqual({ ...life, softExpiresAtMs: 0 })
      expect((await lease('a', 1))?.state).toBe('granted')
      await push('a', ...upTo(MAX_TAIL - 1))
      expect((await read('a'))?.payload).toBe(`A${textOf(...upTo(MAX_TAIL + 1), ...upTo(MAX_TAIL - 1))}`)
      await push('a', 1)
      expect(await read('a')).toBeUndefined()
    })

    test('counts what a fill brought along as part of the tail', async () => {
      await lease('a', 1)
      await push('a', ...upTo(MAX_RECORDED))
      const stored = storedOf('A')
      await fill('a', 1, stored)
      expect((await read('a'))?.life).toEqual(stored.life)
      await push('a', 1)
      expect((await read('a'))?.life.softExpiresAtMs).toBe(0)
    })

    test('does not make a value live longer', async () => {
      await subject.eventually(async () => void (await put('a', 'A', { livesMs: SOON_MS }))) // its time may be over before it is there
      await push('a', 1)
      await subject.eventually(async () => expect(await read('a')).toBeUndefined())
    })
  })

  describe('invalidate', () => {
    test('drops an older truth and voids the lease', async () => {
      await put('a', 'A', { truth: 1 })
      await lease('a', 1, { leastTruth: 2 })
      await invalidate('a', 2)
      expect(await read('a')).toBeUndefined()
      expect(await fill('a', 1, storedOf('A'))).toBeUndefined()
      expect((await lease('a', 2))?.state).toBe('granted')
    })

    test('leaves a truth that is as new, but voids the lease', async () => {
      const stored = await put('a', 'A', { truth: 2 })
      await lease('a', 1, { leastTruth: 3 })
      await invalidate('a', 2)
      expect(await read('a')).toEqual(stored)
      expect(await fill('a', 1, storedOf('B', { truth: 3 }))).toBeUndefined()
    })

    test('puts a tombstone where told to, over an older truth or over nothing', async () => {
      const tombstone = { ...storedOf('x', { truth: 2 }), stamp: 1 }
      const text = encodeValue({ ...tombstone.life, truth: 2, stamp: 1, tailLength: 0, payload: 'x' })
      await put('a', 'A', { truth: 1 })
      for (const key of ['a', 'b']) {
        await invalidate(key, 2, text)
        expect(await read(key)).toEqual(tombstone)
      }
      await invalidate('a', 1)
      expect(await read('a')).toEqual(tombstone)
    })
  })

  describe('read and lease', () => {
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

    test('a push makes a value fuller, not fresher', async () => {
      const { life, stamp } = await put('a', 'A')
      await push('a', 1)
      const seen = { beatsSoftEndMs: life.softExpiresAtMs, seenSoftEndMs: life.softExpiresAtMs, seenStamp: stamp }
      const fuller = expect.objectContaining({ payload: `A${textOf(1)}`, stamp: stamp + 1 })
      expect(await lease('a', 1, seen)).toEqual({ state: 'granted', stored: fuller })
    })
  })

  describe('release', () => {
    const anything = { beatsSoftEndMs: NEVER_MS }

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

  test('push, invalidate and a mere beat raise the heartbeat by one', async () => {
    const beats = [
      await subject.origin.push([entryOf(1)], [{ key: 'a', entry: 0 }], MACHINE),
      await invalidate('a', 1),
      await subject.origin.invalidate([], MACHINE),
    ]
    expect(beats).toEqual([1, 2, 3])
  })
})
