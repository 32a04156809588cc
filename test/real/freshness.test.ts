import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION_HEADER } from '../../contract/headers.ts'
import { pageSchema } from '../../contract/post.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { within } from '../support/running-time.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const ISOLATES = 3

let stack: Stack
let ids: string[] = []
/** Followed by everybody else, and crowded; an ordinary author; a reader who follows both. */
let celebrity: Client
let author: Client
let reader: Client

beforeAll(async () => {
  // The replica lags, as it may in production.
  stack = await startStack({ isolates: ISOLATES, replicaLagMs: 300, origin: { CROWD_THRESHOLD: '20', CROWD_FLOOR: '10' } })
  ids = await makeUsers(stack.db, 40)
  const [first = '', second = '', third = '', ...fans] = ids
  ;[celebrity, author, reader] = [await stack.client(first), await stack.client(second), await stack.client(third)]
  await makeFollows(stack.db, [[third, second], ...[third, ...fans].map((fan) => [fan, first] as const)])
  await eventually(async () => {
    const [row] = await stack.db.execute<{ route: string }>(sql`select route from authors where author_id = ${first}`)
    expect(row?.route).toBe('pull')
  })
}, 180_000)
afterAll(() => stack?.stop())

const isolates = Array.from({ length: ISOLATES }, (_, i) => i)

async function write(client: Client, method: string, path: string, body?: unknown): Promise<{ id: string; version: string | null }> {
  const response = await client.fetch(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  expect(response.status).toBeLessThan(300)
  const { id = '' } = response.status === 204 ? {} : ((await response.json()) as { id?: string })
  return { id, version: response.headers.get(VERSION_HEADER) }
}
const post = (client: Client, text: string) => write(client, 'POST', '/v1/posts', { text })

async function feedOf(client: Client, isolate: number, version: string | null = null): Promise<string[]> {
  const response = await client.fetch('/v1/feed/following', { isolate, version })
  expect(response.status).toBe(200)
  return pageSchema.parse(await response.json()).posts.map(({ id }) => id)
}
/** Every isolate has read this feed, so their memories are warm. */
const warm = (client: Client) => Promise.all(isolates.map((isolate) => feedOf(client, isolate)))

/** Polls every isolate until all agree that the post is (not) there; fails beyond the promised 5 s. */
async function everywhere(client: Client, id: string, present: boolean): Promise<void> {
  await within(PROMISED_MS, async () => {
    for (const isolate of isolates) expect((await feedOf(client, isolate)).includes(id)).toBe(present)
  })
}

test("a pushed author's post is in every active follower's next read within 5 s", async () => {
  await warm(reader)
  const { id } = await post(author, 'by an ordinary author')
  await everywhere(reader, id, true)
})

test("a crowded author's post is there within 5 s too, without a fan-out", async () => {
  await warm(reader)
  const { id } = await post(celebrity, 'by a crowded author')
  await everywhere(reader, id, true)
  const rows = await stack.db.execute(sql`select 1 from timeline_entries where activity_id = ${id}`)
  expect(rows).toHaveLength(0)
})

test('your own post is in your feed at once in any isolate for a client that returns the version token', async () => {
  for (const client of [reader, celebrity]) {
    await warm(client)
    const { id, version } = await post(client, 'mine')
    for (const isolate of isolates) expect(await feedOf(client, isolate, version)).toContain(id)
  }
})

test('without the token a warm isolate still answers from memory: the token is what it is for', async () => {
  // Again, with another post, should this machine be so busy that memory's two seconds pass in between.
  const id = await eventually(async () => {
    await warm(author)
    const made = await post(author, 'mine, but no token')
    expect(await feedOf(author, 0)).not.toContain(made.id)
    return made.id
  })
  await everywhere(author, id, true)
})

test('a deleted post is gone from every isolate within 5 s, warm memories included', async () => {
  for (const client of [author, celebrity]) {
    const { id } = await post(client, 'soon gone')
    await everywhere(reader, id, true)
    await warm(reader)
    await Promise.all(isolates.map((isolate) => client.fetch(`/v1/posts/${id}`, { isolate })))
    await write(client, 'DELETE', `/v1/posts/${id}`)
    await everywhere(reader, id, false)
    await within(PROMISED_MS, async () => {
      for (const isolate of isolates) expect((await client.fetch(`/v1/posts/${id}`, { isolate })).status).toBe(410)
    })
  }
})

test('your own delete is effective at once with the token', async () => {
  const { id, version } = await post(author, 'deleted at once')
  for (const isolate of isolates) expect(await feedOf(author, isolate, version)).toContain(id)
  const deleted = await write(author, 'DELETE', `/v1/posts/${id}`)
  for (const isolate of isolates) {
    expect(await feedOf(author, isolate, deleted.version)).not.toContain(id)
    const response = await author.fetch(`/v1/posts/${id}`, { isolate, version: deleted.version })
    expect(response.status).toBe(410)
  }
})

test('an unfollowed author is gone within 5 s; followed again, the history is back on the next read', async () => {
  const { id } = await post(author, 'before the unfollow')
  await everywhere(reader, id, true)
  await warm(reader)
  await write(reader, 'DELETE', `/v1/users/${author.id}/follow`)
  await everywhere(reader, id, false)
  const meanwhile = await post(author, 'while not followed')
  const { version } = await write(reader, 'POST', `/v1/users/${author.id}/follow`)
  for (const isolate of isolates) {
    const feed = await feedOf(reader, isolate, version)
    expect(feed).toContain(id)
    expect(feed).toContain(meanwhile.id)
  }
  await everywhere(reader, meanwhile.id, true)
})

test('a dormant viewer gets nothing pushed and a complete first page on return', async () => {
  const [dormant = ''] = ids.slice(-1)
  const client = await stack.client(dormant)
  await write(client, 'POST', `/v1/users/${author.id}/follow`)
  await feedOf(client, 0)
  await stack.db.execute(sql`update viewers set enrolled_at = null where viewer_id = ${dormant}`)
  await stack.db.execute(sql`delete from push_edges where viewer_id = ${dormant}`)
  await stack.redis.flush()
  const { id } = await post(author, 'while away')
  await everywhere(reader, id, true)
  expect(await stack.db.execute(sql`select 1 from timeline_entries where viewer_id = ${dormant} and activity_id = ${id}`)).toHaveLength(0)
  expect(await feedOf(client, 1)).toContain(id)
})
