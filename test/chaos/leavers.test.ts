import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { writePast } from '../support/activity.ts'
import { countOutcomes, type Errand, sendCrowd } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd } from '../support/workerd.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
/** What the origin does to the loads it is asked for; who reads what is drawn apart from it, for loads come in any order. */
const random = mulberry32(SEED + 1)
const NAIVE_WORKER = fileURLToPath(new URL('../support/naive-worker.js', import.meta.url))
const KEYS = 120
const AT_ONCE = 200
/** Share of the clients that leave, and how long their patience lasts at most (milliseconds). */
const LEAVERS = 1 / 3
const PATIENCE_MS = 150
/** Longer than a read may take that waits in both of its turns for a lease and for a load, and shorter than those wait whose leader died. */
const DEADLINE_MS = 25_000
/** Values that die soon keep the origin busy; nothing is served beyond its hard end. */
const SHORT = { softMs: 400, hardMs: 500, graceMs: 0 }
const LIFETIMES = JSON.stringify({ post: SHORT, user: SHORT })

let stack: Stack
let origin: SlowOrigin
let paths: string[] = []

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  origin = await startSlowOrigin()
  stack = await startStack({ processes: 0, origin: { MAX_CONCURRENT_REQUESTS: '1000' } })
  origin.aimAt(stack.originUrl())
  await writePast(stack.db, await makeUsers(stack.db, 30), { seed: SEED, posts: KEYS, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  paths = (await stack.db.execute<{ id: string }>(sql`select id::text from posts order by id`)).map(({ id }) => `/v1/posts/${id}`)
})
afterAll(async () => {
  await stack?.stop()
  await origin?.close()
})

/** Readers of keys drawn by Zipf's law; a third of them will leave. */
function readersOf(url: string, count: number): Errand[] {
  const chance = mulberry32(SEED)
  let total = 0
  const sums = paths.map((_, i) => {
    total += (i + 1) ** -0.9
    return total
  })
  const drawn = (): string => {
    const at = chance() * total
    return paths[sums.findIndex((sum) => sum >= at)] ?? ''
  }
  return Array.from({ length: count }, () => ({
    url: url + drawn(),
    ...(chance() < LEAVERS ? { leavesAfterMs: chance() * PATIENCE_MS } : {}),
  }))
}

interface Runs {
  readonly bundle: string
  readonly bindings: Record<string, string>
}

/** Sends a crowd to a workerd of its own; then the origin recovers and `afterwards` may look at what the crowd left behind. */
async function crowdAt(runs: Runs, readers: number, deadlineMs: number, afterwards: (url: string) => Promise<void>) {
  const workerd = await startWorkerd(runs)
  const url = workerd.urls[0] ?? ''
  try {
    const counts = countOutcomes(await sendCrowd(readersOf(url, readers), { atOnce: AT_ONCE, deadlineMs }))
    console.log(counts)
    origin.setRule(undefined)
    await afterwards(url)
    return counts
  } finally {
    await workerd.stop()
  }
}

/** What becomes of one reader of each key. */
async function readEveryKey(url: string, deadlineMs: number): Promise<Record<string, number>> {
  const readers = paths.map((path) => ({ url: url + path }))
  return countOutcomes(await sendCrowd(readers, { atOnce: 20, deadlineMs }))
}

/** No key is poisoned. One whose load has just failed may need a second try. */
const everyKeyCanBeRead = (url: string) =>
  eventually(async () => expect(await readEveryKey(url, DEADLINE_MS), `seed ${SEED}`).toEqual({ 200: KEYS }), DEADLINE_MS)

const tideline = (bindings: Record<string, string>) => ({
  bundle: inject('workerBundle'),
  bindings: { ...stack.bindings, ORIGIN_URL: origin.url, MAX_LOADS: '256', LIFETIMES, ...bindings },
})

const slow = () => ({ delayMs: 40 + random() * 160 })

test('when a third of the clients leave at random moments, none of the others hangs or fails', async () => {
  origin.setRule(slow)
  // Deadlines that a busy machine does not reach: nothing fails but what the leavers break, and no take-over comes in time to hide it.
  const runs = tideline({ LOAD_DEADLINE_MS: '10000', L2_DEADLINE_MS: '5000' })
  const counts = await crowdAt(runs, 1_500, DEADLINE_MS, everyKeyCanBeRead)
  const { 200: served = 0, left = 0 } = counts
  expect(counts, `seed ${SEED}`).toEqual({ 200: served, left })
  expect(left).toBeGreaterThan(150)
}, 240_000)

test('nor does one hang when some loads fail and some are never answered; afterwards every key can be read', async () => {
  origin.setRule(() => {
    const dice = random()
    return dice < 0.01 ? { hangs: true } : dice < 0.03 ? { status: 500 } : slow()
  })
  const counts = await crowdAt(tideline({ LOAD_DEADLINE_MS: '1200', L2_DEADLINE_MS: '1000' }), 3_000, DEADLINE_MS, everyKeyCanBeRead)
  const { 200: served = 0, 503: refused = 0, left = 0 } = counts
  // A reader of a key whose load failed, and of which nothing is left to serve, is told so.
  expect(counts, `seed ${SEED}`).toEqual({ 200: served, 503: refused, left })
  expect(served).toBeGreaterThan(1_000)
  expect(left).toBeGreaterThan(300)
}, 240_000)

test('a naive map of promises leaves readers hanging in such a crowd, and keys that nobody can read again', async () => {
  origin.setRule(() => ({ delayMs: PATIENCE_MS }))
  let after: Record<string, number> = {}
  const naive = { bundle: NAIVE_WORKER, bindings: { ORIGIN_URL: origin.url } }
  const counts = await crowdAt(naive, 400, 1_000, async (url) => {
    after = await readEveryKey(url, 1_000)
  })
  expect(counts.hung, `seed ${SEED}`).toBeGreaterThan(10)
  expect(after.hung, `seed ${SEED}`).toBeGreaterThan(5)
}, 240_000)
