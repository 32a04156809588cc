import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { decodeList } from '../../contract/l2/codec.ts'
import { MAX_RECORDED } from '../../contract/l2/scripts.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import type { L2Port } from '../../origin/fanout/l2-port.ts'
import { createRedisTier } from '../../worker/adapters/redis-tier.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { eventually } from '../support/eventually.ts'
import { entryOf, type L2, listOf, PREFIX, startL2, tokenOf, tombstone } from '../support/l2.ts'

const TIMELINE = 'tl:1100000000000000009'
const OTHER = 'tl:1100000000000000008'
const BODY = 'po:1500000000000000001:public'
const MACHINE = 7
/** Of a call to a Redis that hangs, and to one that is well on a machine that is not. */
const SHORT_MS = 250
const LONG_MS = 60_000
const LEASE_MS = 600_000
const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)

let l2: L2
let options: Parameters<typeof createRedisTier>[0]
/** What the worker sees of L2, and what the origin does to it. */
let reader: SharedTier
let writer: L2Port
beforeAll(async () => {
  l2 = await startL2()
  options = { url: l2.url, token: l2.token, prefix: PREFIX, deadlineMs: LONG_MS, timeoutSignal, clock: { nowMs: () => Date.now() } }
  reader = createRedisTier(options)
  writer = createL2(options)
})
afterAll(() => l2?.stop())
beforeEach(async () => {
  l2.facade.setFault(undefined)
  await l2.redis.flush()
})

const wanted = (key: string) => ({ key, leastTruth: 0, beatsSoftEndMs: Date.now(), seenSoftEndMs: 0, seenStamp: 0 })
function stored(payload: string | null, truth = 1): Stored {
  const ends = Date.now() + 60_000
  return { life: { softExpiresAtMs: ends, hardExpiresAtMs: ends, graceEndsAtMs: ends, deltaMs: 5 }, truth, stamp: 0, payload }
}
const lease = async (key: string, loader: number) => (await reader.lease([wanted(key)], tokenOf(loader), LEASE_MS))[0]?.state
const fill = async (key: string, loader: number, value: Stored) => (await reader.fill([{ key, stored: value }], tokenOf(loader)))[0]
const push = (post: number, ...keys: string[]) =>
  writer.push(
    [entryOf(post)],
    keys.map((key) => ({ key, entry: 0 })),
    MACHINE,
  )
const idsIn = (payload: string | null | undefined) => decodeList(payload ?? '', 800)?.entries.map(({ activityId }) => activityId)
const ids = (...posts: number[]) => posts.map((post) => entryOf(post).activityId)

test('what the origin pushes while the worker loads is in what the worker stores, and in what it answers', async () => {
  expect(await lease(TIMELINE, 1)).toBe('granted')
  await push(2, TIMELINE, OTHER)
  const filled = await fill(TIMELINE, 1, stored(listOf([1])))
  expect(idsIn(listOf([1]) + filled?.pushed)).toEqual(ids(2, 1))
  const [read, absent] = await reader.read([TIMELINE, OTHER])
  expect(idsIn(read?.payload)).toEqual(ids(2, 1))
  expect(absent).toBeUndefined()
})

test('one call carries a chunk: each list gets its own entry, in a value and in a lease alike', async () => {
  await lease(TIMELINE, 1)
  await fill(TIMELINE, 1, stored(listOf([1])))
  await lease(OTHER, 2)
  const both = [0, 1].flatMap((entry) => [TIMELINE, OTHER].map((key) => ({ key, entry })))
  await writer.push([entryOf(2), entryOf(3)], [...both.slice(0, 3), { key: TIMELINE, entry: 1 }], MACHINE)
  await fill(OTHER, 2, stored(listOf([1])))
  const [mine, others] = await reader.read([TIMELINE, OTHER])
  expect(idsIn(mine?.payload)).toEqual(ids(3, 2, 1))
  expect(idsIn(others?.payload)).toEqual(ids(2, 1))
})

test('what the origin invalidates while the worker loads is stored by nobody; a tombstone stays', async () => {
  for (const key of [BODY, TIMELINE]) await lease(key, 1)
  await writer.invalidate(
    [
      { key: BODY, truth: 2, replacement: tombstone(2) },
      { key: TIMELINE, truth: 2 },
    ],
    MACHINE,
  )
  expect(await fill(BODY, 1, stored('old'))).toBeUndefined()
  expect(await fill(TIMELINE, 1, stored(listOf([1])))).toBeUndefined()
  const [body, timeline] = await reader.read([BODY, TIMELINE])
  expect(body?.payload).toBe('x')
  expect(timeline).toBeUndefined()
})

test('of several keys filled at once each is judged for itself', async () => {
  expect(await reader.lease([wanted(TIMELINE), wanted(OTHER), wanted(BODY)], tokenOf(1), LEASE_MS)).toMatchObject(
    Array.from({ length: 3 }, () => ({ state: 'granted' })),
  )
  for (let post = 0; post <= MAX_RECORDED; post++) await push(post, OTHER)
  await writer.invalidate([{ key: BODY, truth: 9 }], MACHINE)
  const values = [TIMELINE, OTHER, BODY].map((key) => ({ key, stored: stored(listOf([1])) }))
  expect(await reader.fill(values, tokenOf(1))).toMatchObject([{ stamp: 1, pushed: '' }, undefined, undefined])
})

test('of the many keys of one push each that is leased records it, wherever it stands', async () => {
  const keys = Array.from({ length: 19 }, (_, i) => `tl:${1_100_000_000_000_000_100n + BigInt(i)}`)
  const leased = keys.filter((_, i) => [0, 7, 8, 14, 16, 18].includes(i))
  for (const key of leased) expect(await lease(key, 1)).toBe('granted')
  await push(2, ...keys)
  for (const key of leased) expect(idsIn(listOf([1]) + (await fill(key, 1, stored(listOf([1]))))?.pushed)).toEqual(ids(2, 1))
})

test.each(['garbage', 'z'.repeat(100), `2${'9'.repeat(71)}+of a version to come`])(
  'what is in no format we know is a miss, and is written over: %s',
  async (text) => {
    await l2.client.set(PREFIX + TIMELINE, text)
    expect(await reader.read([TIMELINE])).toEqual([undefined])
    expect(await reader.lease([wanted(TIMELINE), wanted(OTHER)], tokenOf(1), LEASE_MS)).toEqual(
      [TIMELINE, OTHER].map(() => ({ state: 'granted', stored: undefined })),
    )
    const values = [TIMELINE, OTHER].map((key) => ({ key, stored: stored(listOf([1])) }))
    expect(await reader.fill(values, tokenOf(1))).toEqual(values.map(() => ({ stamp: 1, pushed: '' })))
    expect(await reader.read([TIMELINE, OTHER])).toMatchObject(values.map(({ stored: { payload } }) => ({ payload })))
  },
)

test.each(['garbage', 'z'.repeat(100), `2${'0'.repeat(60)}${'z'.repeat(8)}0000+`])(
  'a push goes on past what is in no format we know: %s',
  async (text) => {
    await l2.client.set(PREFIX + TIMELINE, text)
    await lease(OTHER, 1)
    await fill(OTHER, 1, stored(listOf([1])))
    await push(2, TIMELINE, OTHER)
    expect(idsIn((await reader.read([OTHER]))[0]?.payload)).toEqual(ids(2, 1))
  },
)

test('a batch beyond what one call should carry is cut, by keys and by bytes, and answered in order', async () => {
  const keys = Array.from({ length: 1_500 }, (_, i) => `us:${i}`)
  const calls = async (work: Promise<unknown>) => {
    l2.facade.stats.reset()
    await work
    return l2.facade.stats.commands
  }
  await reader.release(['us:0'], tokenOf(1), 1) // the scripts are known from now on
  await lease(OTHER, 1)
  await fill(OTHER, 1, stored(null))
  expect(await calls(reader.lease(keys.map(wanted), tokenOf(1), LEASE_MS))).toBe(2)
  const large = 'x'.repeat(1_500_000)
  const values = keys.map((key, i) => ({ key, stored: stored(i < 2 ? large : key) }))
  expect(await calls(reader.fill(values, tokenOf(1)))).toBe(4)
  expect(await calls(reader.release(keys, tokenOf(1), 1))).toBe(2)
  let read: Awaited<ReturnType<SharedTier['read']>> = []
  const reading = async () => {
    read = await reader.read(keys)
  }
  expect(await calls(reading())).toBe(2)
  expect(read.map((one) => one?.payload)).toEqual(values.map((value) => value.stored.payload))
})

test('each write of the origin raises its heartbeat by one, whatever it carries', async () => {
  expect(await writer.beats([MACHINE, 8])).toEqual([0, 0])
  expect(await push(1, TIMELINE)).toBe(1)
  expect(await writer.invalidate([{ key: BODY, truth: 2 }], MACHINE)).toBe(2)
  expect(await writer.invalidate([], MACHINE)).toBe(3)
  expect(await writer.beats([MACHINE, 8])).toEqual([3, 0])
})

test('emptying removes our values and their leases, and nobody else’s keys', async () => {
  await l2.client.set('other:tl:1', 'theirs')
  await lease(TIMELINE, 1)
  await fill(TIMELINE, 1, stored(listOf([1])))
  await lease(TIMELINE, 2)
  await lease(BODY, 3)
  await writer.empty('tl:')
  expect(await fill(TIMELINE, 2, stored(listOf([1])))).toBeUndefined()
  expect(await fill(BODY, 3, stored('body'))).toMatchObject({ stamp: 1 })
  await writer.empty('')
  expect((await l2.client.keys('*')).sort()).toEqual(['other:tl:1'])
})

test('emptying everything leaves the heartbeats: what they count is still true', async () => {
  await push(1, TIMELINE)
  await writer.empty('')
  expect(await writer.beats([MACHINE])).toEqual([1])
  expect(await push(2, TIMELINE)).toBe(2)
})

test('a Redis that hangs is an error after the deadline: never a miss, a lease, or an acknowledged push', async () => {
  const impatient = { ...options, deadlineMs: SHORT_MS }
  const [reader, writer] = [createRedisTier(impatient), createL2(impatient)]
  l2.facade.setFault(() => ({ hang: true }))
  const calls = [
    reader.read([TIMELINE]),
    reader.lease([wanted(TIMELINE)], tokenOf(1), LEASE_MS),
    reader.fill([{ key: TIMELINE, stored: stored(null) }], tokenOf(1)),
    reader.release([TIMELINE], tokenOf(1), 5),
    writer.push([entryOf(1)], [{ key: TIMELINE, entry: 0 }], MACHINE),
    writer.invalidate([{ key: BODY, truth: 2 }], MACHINE),
    writer.beats([MACHINE]),
    writer.empty(''),
  ]
  const outcomes = await Promise.allSettled(calls)
  expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'))
})

test('a value larger than Upstash takes is a refused fill that is not sent; its lease is free again', async () => {
  expect(await lease(OTHER, 1)).toBe('granted')
  expect(await fill(OTHER, 1, stored('x'.repeat(2_000_001)))).toBeUndefined()
  await eventually(async () => expect(await lease(OTHER, 2)).toBe('granted'))
})
