import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type SlowOrigin, startSlowOrigin } from '../support/slow-origin.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd } from '../support/workerd.ts'

const READERS = 30
const AUTHORS = 12
const PROCESSES = 2
/** Loads of an isolate at once; the rest waits in its bulkhead. */
const MAX_LOADS = 4

let stack: Stack
let origin: SlowOrigin
let authors: string[] = []
let readers: { readonly id: string; readonly token: string }[] = []

beforeAll(async () => {
  const started = await Promise.all([startStack({ processes: 0 }), startSlowOrigin()])
  stack = started[0]
  origin = started[1]
  origin.aimAt(stack.originUrl())
  authors = await makeUsers(stack.db, AUTHORS)
  await writePast(stack.db, authors, { seed: 7, posts: 200, reposts: 0.1, deleted: 0, spanMs: 86_400_000 })
  const ids = await makeUsers(stack.db, READERS)
  await makeFollows(
    stack.db,
    ids.flatMap((id) => authors.map((author) => [id, author] as const)),
  )
  readers = await Promise.all(ids.map((id) => stack.client(id)))
})
afterAll(async () => {
  await stack?.stop()
  await origin?.close()
})

/** Every reader asks every process for the first page, all at once. Answers what each was shown. */
const everybody = (urls: readonly string[]): Promise<{ readonly status: number; readonly ids: readonly string[] }[]> =>
  Promise.all(
    urls.flatMap((url) =>
      readers.map(async ({ token }) => {
        const response = await fetch(`${url}/v1/feed/following`, { headers: { authorization: `Bearer ${token}` } })
        const body = await response.json()
        return { status: response.status, ids: response.ok ? pageSchema.parse(body).posts.map(({ id }) => id) : [] }
      }),
    ),
  )

/**
 * Warms everybody, empties Redis, and lets all of them read at once in isolates that remember nothing. The origin answers nothing before so many
 * loads are there as `waitFor` says.
 */
async function lossOfL2(waitFor: number, bindings: Readonly<Record<string, string>>) {
  const workers = () =>
    Promise.all(
      Array.from({ length: PROCESSES }, () =>
        startWorkerd({
          bundle: inject('workerBundle'),
          // On a busy machine no deadline may end what waits in a bulkhead, half of this long.
          bindings: {
            ...stack.bindings,
            ORIGIN_URL: origin.url,
            MAX_LOADS: String(MAX_LOADS),
            LOAD_DEADLINE_MS: '60000',
            L2_DEADLINE_MS: '10000',
            ...bindings,
          },
        }),
      ),
    )
  const read = async () => {
    const started = await workers()
    try {
      return await everybody(started.flatMap(({ urls }) => urls))
    } finally {
      await Promise.all(started.map((worker) => worker.stop()))
    }
  }
  const before = await read()
  // The origin finds the loss with its next beat and empties what is left: what had been loaded before that would be loaded once more.
  const losses = () => stack.events.filter(({ type }) => type === 'l2-lost-writes').length
  const known = losses()
  await stack.redis.flush()
  await eventually(() => expect(losses()).toBeGreaterThan(known), 60_000)
  const keys = [...readers.map(({ id }) => keyOf.timeline(id)), ...authors.map((id) => keyOf.user(id))]
  const counted = new Map(keys.map((key) => [key, origin.asked(key)]))
  origin.forgetMost()
  const release = origin.hold()
  const [after] = await Promise.all([
    read(),
    eventually(() => expect(origin.loads).toBeGreaterThanOrEqual(waitFor), 60_000).finally(release),
  ])
  const loads = keys.map((key) => origin.asked(key) - (counted.get(key) ?? 0))
  return { before, after, loads, mostAtOnce: origin.mostLoads, again: read }
}

test('when all of Redis is lost everybody is served, each key is loaded about once, and no more loads run at once than the isolates allow', async () => {
  const { before, after, loads, mostAtOnce, again } = await lossOfL2(1, {})
  expect(after.map(({ status }) => status)).toEqual(Array(PROCESSES * READERS).fill(200))
  expect(after).toEqual(before)
  expect(mostAtOnce).toBeLessThanOrEqual(PROCESSES * MAX_LOADS)
  // Two isolates that miss at the same instant wait for one lease; one of a lease that ran out on a slow machine may load again.
  const total = loads.reduce((sum, count) => sum + count, 0)
  expect(Math.min(...loads)).toBe(1)
  expect(total).toBeLessThan(loads.length * 1.2)
  // L2 is warm again.
  const counted = readers.map(({ id }) => origin.asked(keyOf.timeline(id)))
  expect(await again()).toEqual(before)
  expect(readers.map(({ id }) => origin.asked(keyOf.timeline(id)))).toEqual(counted)
}, 240_000)

test('without leases each isolate loads everything, and without a bulkhead all at once', async () => {
  const { loads, mostAtOnce } = await lossOfL2(PROCESSES * MAX_LOADS + 1, {
    SWITCHED_OFF: 'lease,singleflight',
    MAX_LOADS: '10000',
  })
  expect(loads.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(loads.length * 1.2)
  expect(mostAtOnce).toBeGreaterThan(PROCESSES * MAX_LOADS)
}, 240_000)
