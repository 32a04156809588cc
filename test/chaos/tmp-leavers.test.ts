import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { writePast } from '../support/activity.ts'
import { countOutcomes, type Errand, sendCrowd } from '../support/crowd.ts'
import { makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd } from '../support/workerd.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const random = mulberry32(SEED)
const NAIVE_WORKER = fileURLToPath(new URL('../support/naive-worker.js', import.meta.url))
const KEYS = 300
/** Share of the clients that leave, and how long their patience lasts at most (milliseconds). */
const LEAVERS = 1 / 3
const PATIENCE_MS = 150
/** Longer than any answer may take: a turn is at most a wait for a lease and a load, and a read has two turns. */
const DEADLINE_MS = 8_000
/** Values that die soon keep the origin busy; nothing is served beyond its hard end. */
const SHORT = { softMs: 250, hardMs: 300, graceMs: 0 }

let stack: Stack
let origin: SlowOrigin
let paths: string[] = []

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  origin = await startSlowOrigin()
  stack = await startStack({
    worker: { ORIGIN_URL: origin.url, LOG_EVENTS: 'on', LOAD_DEADLINE_MS: '5000', L2_DEADLINE_MS: '3000', MAX_LOADS: '256', LIFETIMES: JSON.stringify({ post: SHORT, user: SHORT }) },
  })
  origin.aimAt(stack.originUrl())
  await writePast(stack.db, await makeUsers(stack.db, 30), { seed: SEED, posts: KEYS, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  paths = (await stack.db.execute<{ id: string }>(sql`select id::text from posts order by id`)).map(({ id }) => `/v1/posts/${id}`)
}, 30_000)
afterAll(async () => {
  await stack?.stop()
  await origin?.close()
})

/** Reads over keys drawn by Zipf's law, a third of which will be abandoned. */
function readersOf(url: string, count: number): Errand[] {
  const weights = paths.map((_, i) => 1 / (i + 1) ** 0.9)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const drawn = (): string => {
    let left = random() * total
    return paths.find((_, i) => (left -= weights[i] ?? 0) <= 0) ?? paths[0] ?? ''
  }
  return Array.from({ length: count }, () => ({
    url: url + drawn(),
    ...(random() < LEAVERS ? { leavesAfterMs: random() * PATIENCE_MS } : {}),
  }))
}

const slow = () => ({ delayMs: 20 + random() * 100 })

test('when a third of the clients leave at random moments, none of the others hangs or fails', async () => {
  origin.setRule(slow)
  const outcomes = await sendCrowd(readersOf(stack.urls[0] ?? '', 3_000), { atOnce: 150, deadlineMs: DEADLINE_MS })
  const counts = countOutcomes(outcomes)
  console.log(counts)
  console.log(stack.workers[0]?.log().split('\n').filter((l) => /"status":5/.test(l)).slice(0,6).join('\n'), outcomes.filter((o) => o.type==='answered'&&o.status===503).slice(0,3).map((o)=>[o.body,o.tookMs,o.headers])); console.log('max', Math.max(...outcomes.map((o)=>o.type==='answered'?o.tookMs:0)))
  const { 200: served = 0, left = 0 } = counts
  expect(counts, `seed ${SEED}`).toEqual({ 200: served, left })
  expect(left).toBeGreaterThan(300)
}, 60_000)

test('nor when some loads fail and some are never answered; afterwards every key can be read', async () => {
  origin.setRule(() => {
    const dice = random()
    return dice < 0.01 ? { hangs: true } : dice < 0.03 ? { status: 500 } : slow()
  })
  const outcomes = await sendCrowd(readersOf(stack.urls[0] ?? '', 3_000), { atOnce: 150, deadlineMs: DEADLINE_MS })
  const counts = countOutcomes(outcomes)
  console.log(counts)
  const { 200: served = 0, 503: refused = 0, left = 0 } = counts
  // A reader of a key whose load failed, and that nobody holds any more, is told so.
  expect(counts, `seed ${SEED}`).toEqual({ 200: served, 503: refused, left })
  expect(refused).toBeLessThan(served / 4)

  origin.setRule(undefined)
  const again = await sendCrowd(paths.map((path) => ({ url: stack.urls[0] + path })), { atOnce: 20, deadlineMs: DEADLINE_MS })
  expect(countOutcomes(again), `seed ${SEED}`).toEqual({ 200: KEYS })
}, 60_000)

test('a naive map of promises leaves readers hanging in the same crowd', async () => {
  origin.setRule(slow)
  const worker = await startWorkerd({ bundle: NAIVE_WORKER, bindings: { ORIGIN_URL: origin.url } })
  try {
    const outcomes = await sendCrowd(readersOf(worker.urls[0] ?? '', 450), { atOnce: 150, deadlineMs: 1_500 })
    console.log(countOutcomes(outcomes))
    expect(countOutcomes(outcomes).hung, `seed ${SEED}`).toBeGreaterThan(20)
  } finally {
    await worker.stop()
  }
}, 60_000)
