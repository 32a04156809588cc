import { createClient } from 'redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { encodePostValue } from '../../contract/l2/post-value.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { wrongAnswers } from '../support/crawl/answers.ts'
import { everyValue, leaksIn } from '../support/crawl/shared-keys.ts'
import { type Lived, live, startCrawled } from '../support/crawl/stage.ts'
import { eventually } from '../support/eventually.ts'
import type { Stack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const WRITES = 180
const PREFIX = 'tideline:'

let stack: Stack
let lived: Lived
beforeAll(async () => {
  stack = await startCrawled()
  lived = await live(stack, SEED, WRITES)
}, 120_000)
afterAll(() => stack?.stop())

test('after a random history no key of L2 holds anything that is not for whom it names', async () => {
  const values = await everyValue(stack.redis.url, PREFIX)
  const kinds = new Set([...values.keys()].map((key) => key.split(':')[0]))
  for (const kind of ['po', 'au', 'us', 'vw', 'tl', 'rel', 'co', 'my']) expect(kinds).toContain(kind)
  expect(leaksIn(values, lived.truth)).toEqual([])
})

test('and no isolate answers anybody, known or not, with what is not for them, or refuses what is', async () => {
  const { leaks, lacks, asked } = await wrongAnswers({ isolates: stack.urls, askers: lived.askers, truth: lived.truth })
  expect(asked).toBeGreaterThan(100)
  expect(leaks).toEqual([])
  expect(lacks).toEqual([])
})

test('what is planted in L2 is found there, and by who asks', async () => {
  const { truth, askers, outsider } = lived
  const hidden = [...truth.activities.values()].find(({ id, text }) => text !== null && truth.audienceOf(id) === 'followers')
  if (!hidden) return expect.fail('nothing is for followers only')
  const { id, authorId } = hidden
  const lives = {
    softExpiresAtMs: Date.now() + 60_000,
    hardExpiresAtMs: Date.now() + 60_000,
    graceEndsAtMs: Date.now() + 60_000,
    deltaMs: 1,
  }
  const framed = (payload: string) => encodeValue({ ...lives, truth: 9_999, stamp: 1, tailLength: 0, payload })
  const entry = { activityId: id, actorId: authorId, audience: 'followers' as const }
  const planted = new Map([
    [keyOf.post(id, 'public'), encodePostValue({ kind: 'post', authorId, json: '{"text":"a secret"}' })],
    [keyOf.author(authorId, 'public'), encodeList({ completeSince: '0', candidates: [], entries: [entry] })],
    [keyOf.timeline(outsider.id), encodeList({ completeSince: '0', candidates: [], entries: [entry] })],
    [keyOf.relation(outsider.id, authorId), 'f'],
  ])
  const redis = createClient({ url: stack.redis.url })
  await redis.connect()
  for (const [key, payload] of planted) await redis.set(PREFIX + key, framed(payload))
  redis.destroy()
  const leaks = leaksIn(await everyValue(stack.redis.url, PREFIX), truth)
  for (const key of planted.keys()) expect(leaks.filter((leak) => leak.startsWith(`${key} `))).toHaveLength(1)
  await eventually(async () => {
    const asked = await wrongAnswers({ isolates: stack.urls, askers: askers.slice(-1), truth })
    expect(asked.leaks.join()).toContain(id)
  })
})
