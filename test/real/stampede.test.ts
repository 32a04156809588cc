import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { writePast } from '../support/activity.ts'
import { countOutcomes, type Outcome, sendCrowd } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { makeUsers } from '../support/people.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { valuesInL2 } from '../support/values-in-l2.ts'
import { startWorkerd } from '../support/workerd.ts'

const CROWD = 1_000
const PROCESSES = 4
const SOFT_MS = 1_000
/**
 * A post expires soon, and memory remembers: on a slow machine what is older than its usual max age would be verified by L2 first, and by the
 * origin where that takes its time. Without leases, which fill L2, it is all there is to serve.
 */
const EXPIRING = { LIFETIMES: JSON.stringify({ post: { softMs: SOFT_MS }, user: { softMs: 300_000 } }), MEMORY_MAX_AGE_MS: '60000' }
/** No deadline may end a load that the test holds back, nor a call to L2 because the machine is busy. */
const PATIENCE = { LOAD_DEADLINE_MS: '60000', L2_DEADLINE_MS: '20000' }
/** What has no answer by then hangs. */
const HUNG_MS = 60_000

let stack: Stack
let origin: SlowOrigin
/** Posts nobody has read yet, each by another author; every test takes its own. */
let cold: { readonly id: string; readonly author: string }[] = []

beforeAll(async () => {
  const started = await Promise.all([startStack({ processes: 0 }), startSlowOrigin()])
  stack = started[0]
  origin = started[1]
  origin.aimAt(stack.originUrl())
  const authorIds = await makeUsers(stack.db, 10)
  await writePast(stack.db, authorIds, { seed: 3, posts: 200, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  cold = [
    ...(await stack.db.execute<{ id: string; author: string }>(sql`
    select distinct on (author_id) id::text, author_id::text as author from posts order by author_id, id desc`)),
  ]
})
afterAll(async () => {
  await stack?.stop()
  await origin?.close()
})

function nextCold(): { readonly path: string; readonly key: string; readonly author: string } {
  const post = cold.pop()
  if (!post) throw new Error('every post has been read')
  return { path: `/v1/posts/${post.id}`, key: keyOf.post(post.id, 'public'), author: post.author }
}

/** Runs something with workerd processes of its own, one isolate each, that reach the origin through the proxy. */
async function withWorkers<T>(
  processes: number,
  bindings: Record<string, string>,
  use: (urls: readonly string[]) => Promise<T>,
): Promise<T> {
  const workers = await Promise.all(
    Array.from({ length: processes }, () =>
      startWorkerd({
        bundle: inject('workerBundle'),
        bindings: { ...stack.bindings, ORIGIN_URL: origin.url, ...PATIENCE, ...bindings },
      }),
    ),
  )
  try {
    return await use(workers.flatMap((worker) => worker.urls))
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
}

const crowdAt = (urls: readonly string[], path: string) =>
  Array.from({ length: CROWD }, (_, i) => ({ url: `${urls[i % urls.length]}${path}` }))

/** A thousand readers of one path at once, spread over the isolates. The origin answers nothing before all of them have asked. */
async function stampede(urls: readonly string[], path: string): Promise<Outcome[]> {
  const release = origin.hold()
  // They are on their way then; who comes last of all is answered when they have been heard.
  const onAllSent = () => void Promise.allSettled(urls.map((url) => fetch(`${url}/healthz`))).then(release)
  return sendCrowd(crowdAt(urls, path), { atOnce: CROWD, deadlineMs: HUNG_MS, onAllSent })
}

/**
 * Warms a key in every isolate, lets it pass its soft expiry, and sends the crowd. The load behind its answers is held back until all of
 * them are there: whoever waited for it would wait for ever. With leases one load must arrive, without them one of each isolate.
 */
async function expiry(
  urls: readonly string[],
  { leases }: { readonly leases: boolean },
): Promise<{ readonly outcomes: readonly Outcome[]; readonly loads: number }> {
  const { path, key } = nextCold()
  const told = stack.events.length
  for (const url of urls) {
    await eventually(async () => {
      const { status, headers } = await fetch(url + path)
      expect([status, headers.get('cache-status')]).toEqual([200, expect.stringContaining('shared=0 origin=0')])
    })
  }
  const warm = stack.events.slice(told).flatMap((event) => (event.type === 'load' ? event.keys : []))
  // Fills come behind answers; without leases there are none.
  if (leases) await eventually(async () => expect(await valuesInL2(stack, warm)).not.toContain(undefined))
  await eventually(() => expect(origin.loads).toBe(0))
  // From here on nothing is loaded anew: what has been loaded by now has passed its soft expiry when this time has passed.
  const before = origin.asked(key)
  const release = origin.hold()
  const heldAtMs = Date.now()
  try {
    await eventually(() => expect(Date.now()).toBeGreaterThan(heldAtMs + SOFT_MS))
    const outcomes = await sendCrowd(crowdAt(urls, path), { atOnce: CROWD, deadlineMs: HUNG_MS })
    await eventually(() => expect(origin.asked(key) - before).toBeGreaterThanOrEqual(leases ? 1 : urls.length))
    return { outcomes, loads: origin.asked(key) - before }
  } finally {
    release()
  }
}

const headersOf = (outcomes: readonly Outcome[], name: string): string[] =>
  outcomes.map((outcome) => (outcome.type === 'answered' ? String(outcome.headers[name]) : outcome.type))

describe('one origin load per shared key, however many ask', () => {
  test('a thousand readers of a cold key in one isolate cost one load and a handful of calls to L2', async () => {
    await withWorkers(1, {}, async (urls) => {
      const { path, key, author } = nextCold()
      stack.facade.stats.reset()
      const startedAtMs = performance.now()
      const outcomes = await stampede(urls, path)
      expect(countOutcomes(outcomes)).toEqual({ 200: CROWD })
      expect(stack.loads(key)).toBe(1)
      expect(stack.loads(keyOf.user(author))).toBe(1)
      const beats = (performance.now() - startedAtMs) / 1_000 // of the origin, one a second
      expect(stack.facade.stats.requests).toBeLessThan(20 + beats)
      expect(headersOf(outcomes, 'cache-status').filter((status) => status.includes('; collapsed')).length).toBeGreaterThan(CROWD / 2)

      const list = await stampede(urls, `/v1/users/${author}/posts`)
      expect(countOutcomes(list)).toEqual({ 200: CROWD })
      expect(stack.loads(keyOf.author(author, 'public'))).toBe(1)
    })
  })

  test('a thousand readers of a cold key over four workerd processes cost one load', async () => {
    await withWorkers(PROCESSES, {}, async (urls) => {
      const { path, key, author } = nextCold()
      const outcomes = await stampede(urls, path)
      expect(countOutcomes(outcomes)).toEqual({ 200: CROWD })
      expect(stack.loads(key)).toBe(1)
      expect(stack.loads(keyOf.user(author))).toBe(1)

      expect(countOutcomes(await stampede(urls, `/v1/users/${author}/posts`))).toEqual({ 200: CROWD })
      expect(stack.loads(keyOf.author(author, 'public'))).toBe(1)
    })
  })

  test('when a warm key passes its soft expiry, a thousand readers over four processes cost one load and none of them waits for it', async () => {
    await withWorkers(PROCESSES, EXPIRING, async (urls) => {
      const { outcomes, loads } = await expiry(urls, { leases: true })
      expect(countOutcomes(outcomes)).toEqual({ 200: CROWD })
      expect(headersOf(outcomes, 'cache-status').filter((status) => !status.includes('origin=0'))).toEqual([])
      expect(headersOf(outcomes, 'server-timing').filter((timing) => timing.includes('origin'))).toEqual([])
      expect(loads).toBe(1)
    })
  })
})

describe('with a protection switched off the same crowd is a stampede', () => {
  test('without the singleflight every reader goes to L2', async () => {
    await withWorkers(1, { SWITCHED_OFF: 'singleflight' }, async (urls) => {
      const { path } = nextCold()
      stack.facade.stats.reset()
      await stampede(urls, path)
      expect(stack.facade.stats.requests).toBeGreaterThan(CROWD)
    })
  })

  test('without the lease each of four isolates loads a cold key, and loads it again when it expires', async () => {
    await withWorkers(PROCESSES, { SWITCHED_OFF: 'lease', ...EXPIRING }, async (urls) => {
      const { path, key } = nextCold()
      await stampede(urls, path)
      expect(stack.loads(key)).toBeGreaterThanOrEqual(PROCESSES)
      expect((await expiry(urls, { leases: false })).loads).toBeGreaterThanOrEqual(PROCESSES)
    })
  })

  test('without both the crowd goes to the origin, as many at once as the bulkhead lets through', async () => {
    await withWorkers(1, { SWITCHED_OFF: 'singleflight,lease' }, async (urls) => {
      const { path, key } = nextCold()
      await stampede(urls, path)
      expect(stack.loads(key)).toBeGreaterThan(25)
    })
  })
})
