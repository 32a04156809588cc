import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { VERSION_HEADER } from '../../contract/headers.ts'
import { keyOf, leaseKeyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { makeUsers } from '../support/people.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWorkerd, type Workerd } from '../support/workerd.ts'

const MAX_AGE_MS = 500
/** So much longer memory answers where L2 takes longer than a tenth of a second (worker/cache/core.ts). */
const LATE_MS = 2_000
/** The last two have no lease. */
const [FIRST, SECOND, THIRD, FOURTH] = [0, 1, 2, 3]
const ISOLATES = [FIRST, SECOND]

let stack: Stack
let workerd: Workerd
let authorization = ''
/** Posts of one author that nobody has read, oldest last: a feed reads the newest. */
let posts: string[] = []

beforeAll(async () => {
  stack = await startStack({ processes: 0 })
  workerd = await startWorkerd({
    bundle: inject('workerBundle'),
    // A lease outlives a load's deadline by half: none of these ends by itself.
    bindings: { ...stack.bindings, MEMORY_MAX_AGE_MS: String(MAX_AGE_MS) },
    isolates: 4,
    bindingsOf: (isolate): Record<string, string> => (isolate >= THIRD ? { SWITCHED_OFF: 'lease' } : {}),
  })
  const [author = ''] = await makeUsers(stack.db, 1)
  authorization = `Bearer ${await stack.tokenFor({ sub: author })}`
  await writePast(stack.db, [author], { seed: 7, posts: 1_000, reposts: 0, deleted: 0, spanMs: 86_400_000 })
  posts = (await stack.db.execute<{ id: string }>(sql`select id::text from posts order by posts.id desc`)).map(({ id }) => id)
})
afterEach(() => stack.facade.setFault(undefined))
afterAll(async () => {
  await workerd?.stop()
  await stack?.stop()
})

function takePost(): string {
  const post = posts.pop()
  if (post === undefined) throw new Error('every post has been read')
  return post
}
function ask(isolate: number, path: string, init: RequestInit & { version?: string | null } = {}): Promise<Response> {
  const headers = { authorization, ...(init.version && { [VERSION_HEADER]: init.version }), ...init.headers }
  return fetch(workerd.urls[isolate] + path, { ...init, headers, signal: AbortSignal.timeout(60_000) })
}
const statusOf = async (isolate: number, post: string, version?: string | null) =>
  (await ask(isolate, `/v1/posts/${post}`, { version: version ?? null })).status
async function remove(post: string): Promise<string | null> {
  const response = await ask(FIRST, `/v1/posts/${post}`, { method: 'DELETE' })
  expect(response.status).toBe(204)
  return response.headers.get(VERSION_HEADER)
}
/** Says something to Redis itself. */
async function command(...words: string[]): Promise<unknown> {
  const headers = { authorization: `Bearer ${stack.l2Token}` }
  return (await fetch(stack.l2Url, { method: 'POST', headers, body: JSON.stringify(words) })).json()
}
const loadsOf = (post: string) => stack.loads(keyOf.post(post, 'public'))

describe.each([0, 300, 2_000])('with a replica %i ms behind', (lagMs) => {
  beforeAll(() => stack.facade.setReplicaLagMs(lagMs))

  test('nobody sees an error, and what was deleted no later than lag and max age after', async () => {
    const doomed = takePost()
    for (const isolate of ISOLATES) expect(await statusOf(isolate, doomed)).toBe(200)
    await remove(doomed)
    const endsAtMs = performance.now() + lagMs + MAX_AGE_MS
    await eventually(async () => {
      for (const isolate of ISOLATES) expect([200, 410]).toContain(await statusOf(isolate, doomed))
      expect(performance.now()).toBeGreaterThan(endsAtMs)
    })
    for (const isolate of ISOLATES) await eventually(async () => expect(await statusOf(isolate, doomed)).toBe(410), LATE_MS)
  })

  test('who brings the version token of a write sees through the lag at once', async () => {
    const doomed = takePost()
    for (const isolate of ISOLATES) expect(await statusOf(isolate, doomed)).toBe(200)
    const version = await remove(doomed)
    for (const isolate of ISOLATES) expect(await statusOf(isolate, doomed, version)).toBe(410)

    const made = await ask(FIRST, '/v1/posts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text":"mine"}',
    })
    const { id } = (await made.json()) as { id: string }
    for (const isolate of ISOLATES) {
      const feed = await ask(isolate, '/v1/feed/following?limit=1', { version: made.headers.get(VERSION_HEADER) })
      expect(pageSchema.parse(await feed.json()).posts.map((post) => post.id)).toEqual([id])
    }
  })

  test('the lease on the primary spares the load of what the replica does not know yet', async () => {
    const post = takePost()
    for (const isolate of ISOLATES) expect(await statusOf(isolate, post)).toBe(200)
    expect(loadsOf(post)).toBe(1)
  })

  test('without the lease each isolate loads it', async () => {
    const post = takePost()
    for (const isolate of [THIRD, FOURTH]) expect(await statusOf(isolate, post)).toBe(200)
    expect(loadsOf(post)).toBe(2)
  })
})

describe('scripts that Redis has forgotten', () => {
  /** lease and fill, and the two the origin writes with. */
  const SCRIPTS_IN_USE = 4

  test.each([
    ['flushed', () => command('SCRIPT', 'FLUSH')],
    ['lost in a restart', () => stack.redis.restart()],
  ])('%s in the middle of traffic: no reader sees an error, and each text is sent once, not with each call', async (_, forget) => {
    stack.facade.setReplicaLagMs(0)
    const READS = 20
    const read = async (isolate: number): Promise<void> => {
      for (let i = 0; i < READS; i++) expect(await statusOf(isolate, takePost())).toBe(200)
    }
    for (const isolate of ISOLATES) await statusOf(isolate, takePost())
    const before = read(FIRST)
    await forget()
    await before
    await eventually(async () => expect((await ask(FIRST, `/v1/posts/${takePost()}`)).headers.get('tideline-degraded')).toBeNull())
    stack.facade.stats.reset()
    await Promise.all(ISOLATES.map(read))
    const asked = () => stack.facade.stats.byCommand
    await eventually(() => expect(asked().EVALSHA ?? 0).toBeGreaterThanOrEqual(2 * ISOLATES.length * READS)) // the last fills run behind answers
    expect(asked().EVAL ?? 0).toBeLessThanOrEqual(ISOLATES.length * SCRIPTS_IN_USE)
  })
})

test('a lease whose answer was lost is given back: nobody waits for whoever got it', async () => {
  const post = takePost()
  const lease = `tideline:${leaseKeyOf(keyOf.post(post, 'public'))}`
  let answers = 0
  stack.facade.setFault(({ commands: [words = []] }) =>
    words.includes(lease) ? { rewrite: (body) => (answers++ === 0 ? undefined : body) } : undefined,
  )
  expect(await statusOf(FIRST, post)).toBe(200)
  await eventually(async () => expect(await command('EXISTS', lease)).toEqual({ result: 0 }))
  expect(await statusOf(SECOND, post)).toBe(200)
  expect(loadsOf(post)).toBe(2)
})
