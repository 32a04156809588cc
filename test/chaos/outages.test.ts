import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { pageSchema } from '../../contract/post.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const ISOLATES = [0, 1]
const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"a post"}' }

let stack: Stack
let authors: Client[] = []
let first: Client
let second: Client
let third: Client
let readers: Client[] = []

beforeAll(async () => {
  // The world's list of crowded authors lives briefly here, so that a dead origin is noticed soon.
  // Nor do leases live long: one that is in the snapshot is nobody's after the restart, and those without a value wait for its end.
  const brief = { LIFETIMES: '{"crowd":{"softMs":500,"hardMs":1000}}', LOAD_DEADLINE_MS: '2000', L2_DEADLINE_MS: '1000' }
  stack = await startStack({ isolates: 2, worker: brief })
})
afterAll(() => stack?.stop())
beforeEach(async () => {
  const [a = '', b = '', c = '', ...ids] = await makeUsers(stack.db, 6)
  ;[first, second, third] = await Promise.all([stack.client(a), stack.client(b), stack.client(c)])
  authors = [first, second, third]
  readers = await Promise.all(ids.map((id) => stack.client(id)))
  await makeFollows(
    stack.db,
    readers.flatMap((reader) => authors.map((author) => [reader.id, author.id] as const)),
  )
})

async function post(by: Client): Promise<string> {
  const response = await by.fetch('/v1/posts', POST)
  expect(response.status).toBe(201)
  return ((await response.json()) as { id: string }).id
}
async function remove(by: Client, id: string): Promise<void> {
  expect((await by.fetch(`/v1/posts/${id}`, { method: 'DELETE' })).status).toBe(204)
}
async function feed(reader: Client, isolate: number): Promise<{ ids: string[]; degraded: string | null }> {
  const response = await reader.fetch('/v1/feed/following', { isolate })
  expect(response.status).toBe(200)
  const ids = pageSchema.parse(await response.json()).posts.map(({ id }) => id)
  return { ids, degraded: response.headers.get(DEGRADED_HEADER) }
}
/** Every reader sees exactly these posts, oldest first, in every isolate: within five seconds. */
async function expectFeeds(oldestFirst: readonly string[], degraded: unknown = null): Promise<void> {
  const expected = { ids: [...oldestFirst].reverse(), degraded }
  const looks = readers.flatMap((reader) => ISOLATES.map((isolate) => async () => expect(await feed(reader, isolate)).toEqual(expected)))
  await Promise.all(looks.map((look) => eventually(look, 5_000)))
}
/** How much is owed to L2. */
async function owed(): Promise<number> {
  const [row] = await stack.db.execute<{ count: number }>(sql`
    select ((select count(*) from fanout_jobs) + (select count(*) from fanout_chunks where pushed_at is null)
      + (select count(*) from invalidations where done_at is null))::int as count`)
  return row?.count ?? -1
}
const debtsPaid = () => eventually(async () => expect(await owed()).toBe(0), 60_000)
const losses = () => stack.events.flatMap((event) => (event.type === 'l2-lost-writes' ? [event.replayed] : []))

test('after Redis was flushed readers get complete feeds, and what is posted from then on', async () => {
  const before = [await post(first), await post(second)]
  await expectFeeds(before)
  const found = losses().length
  await stack.redis.flush()
  const after = [await post(third), await post(first)]
  await expectFeeds([...before, ...after])
  await eventually(() => expect(losses().length).toBe(found + 1))
  await expectFeeds([...before, ...after])
  expect(losses().length).toBe(found + 1)
})

test('after Redis restarted from an old snapshot nothing posted since is lost and nothing deleted since comes back', async () => {
  const kept = await post(first)
  const doomed = await post(second)
  await expectFeeds([kept, doomed])
  await eventually(async () => expect((await readers[0]?.fetch(`/v1/posts/${doomed}`))?.status).toBe(200))
  await debtsPaid()
  await stack.redis.save()

  const since = [await post(first), await post(third)]
  await remove(second, doomed)
  await expectFeeds([kept, ...since])
  await debtsPaid()
  const found = losses().length
  await stack.redis.restart()
  await eventually(() => expect(losses().length).toBe(found + 1))
  await debtsPaid()
  await expectFeeds([kept, ...since])
  for (const isolate of ISOLATES) {
    await eventually(async () => expect((await readers[0]?.fetch(`/v1/posts/${doomed}`, { isolate }))?.status).toBe(410), 5_000)
  }
})

test('with Redis dead posts and deletes are acknowledged, feeds are served and say so; afterwards the debts are paid', async () => {
  const kept = await post(first)
  const doomed = await post(second)
  await expectFeeds([kept, doomed])
  await debtsPaid()
  await stack.redis.save()
  const unread = await post(second)
  await stack.redis.kill()

  const during = await post(third)
  await remove(second, unread)
  // Who is in an isolate's memory is served from it, everybody else by the origin.
  const [newcomer = ''] = await makeUsers(stack.db, 1)
  await makeFollows(
    stack.db,
    authors.map((author) => [newcomer, author.id] as const),
  )
  const degraded = expect.stringContaining('l2-unavailable')
  for (const isolate of ISOLATES) {
    await eventually(async () => {
      for (const reader of readers) expect(await feed(reader, isolate)).toEqual({ ids: expect.arrayContaining([kept]), degraded })
      const newcomers = await feed(await stack.client(newcomer), isolate)
      expect(newcomers).toEqual({ ids: [during, doomed, kept], degraded })
    })
  }
  await remove(second, doomed)
  expect(await owed()).toBeGreaterThan(0)

  await stack.redis.restart() // with what it had saved: the deleted post, and not the new one
  await debtsPaid()
  await expectFeeds([kept, during])
})

test('with the origin dead feeds are served from the caches and say so; what is in no cache is a 503 that says when to try again', async () => {
  const known = await post(first)
  await expectFeeds([known])
  const unread = await post(first)
  await expectFeeds([known, unread])
  const [cold = ''] = await makeUsers(stack.db, 1)
  await stack.stopOrigin()

  await expectFeeds([known, unread], expect.stringMatching(/stale/))
  const nowhere: [Client, string][] = [
    [first, '/v1/posts/1999999999999999999'],
    [await stack.client(cold), '/v1/feed/following'],
  ]
  for (const [client, path] of nowhere) {
    const response = await client.fetch(path)
    expect(response.status).toBe(503)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await response.json()).toMatchObject({ status: 503, type: '/problems/origin-unavailable' })
  }
  expect((await first.fetch('/v1/posts', POST)).status).toBe(503)

  await stack.startOrigin()
  await expectFeeds([known, unread])
})
