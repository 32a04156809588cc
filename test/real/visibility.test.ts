import { afterAll, beforeAll, expect, test } from 'vitest'
import { COMPLETENESS_HEADER, DEGRADED_HEADER, VERSION_HEADER } from '../../contract/headers.ts'
import { activitySchema, type Post, pageSchema, postSchema } from '../../contract/post.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { eventually } from '../support/eventually.ts'
import { expectProblem } from '../support/expect-problem.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { within } from '../support/running-time.ts'
import { type Client, NEVER_DEGRADED, type Stack, startStack } from '../support/stack.ts'

const ISOLATES = 2
const FEED = '/v1/feed/following'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({ isolates: ISOLATES, replicaLagMs: 300, worker: NEVER_DEGRADED })
})
afterAll(() => stack?.stop())

const isolates = Array.from({ length: ISOLATES }, (_, i) => i)

/** An author, one who follows and one who does not; nobody has read yet. */
async function people(): Promise<{ author: Client; follower: Client; outsider: Client }> {
  const [a = '', f = '', o = ''] = await makeUsers(stack.db, 3)
  await makeFollows(stack.db, [[f, a]])
  const [author, follower, outsider] = [await stack.client(a), await stack.client(f), await stack.client(o)]
  return { author, follower, outsider }
}

async function write(client: Client, method: string, path: string, body?: unknown): Promise<{ id: string; version: string }> {
  const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await client.fetch(path, { method, ...json })
  const text = await response.text()
  expect(response.status, text).toBeLessThan(300)
  const activity = activitySchema.safeParse(JSON.parse(text || 'null'))
  return { id: activity.data?.id ?? '', version: response.headers.get(VERSION_HEADER) ?? '' }
}
const post = (author: Client, text: string, audience: Post['audience'] = 'public') => write(author, 'POST', '/v1/posts', { text, audience })

const idsIn = async (response: Response): Promise<string[]> => {
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return pageSchema.parse(JSON.parse(text)).posts.map(({ id }) => id)
}
const feedOf = async (reader: Client, isolate = 0) => idsIn(await reader.fetch(FEED, { isolate }))
const pageOf = async (author: Client, reader: Client, isolate = 0) => idsIn(await reader.fetch(`/v1/users/${author.id}/posts`, { isolate }))
const anonymously = (path: string, isolate = 0): Promise<Response> => fetch(`${stack.urls[isolate]}${path}`)

/** Every isolate has told this reader what there is: their memories are warm. */
async function warm(reader: Client, author: Client, postId: string): Promise<void> {
  for (const isolate of isolates) {
    for (const path of [FEED, `/v1/users/${author.id}/posts`, `/v1/posts/${postId}`])
      expect((await reader.fetch(path, { isolate })).status, path).toBe(200)
  }
}
/** Within the promised time, in every isolate: the post is nowhere, and its page refuses with `page`, or goes without it. */
async function hiddenEverywhere(reader: Client, author: Client, postId: string, page: 'blocked' | 'private-account' | 'served') {
  await within(PROMISED_MS, async () => {
    for (const isolate of isolates) {
      expect(await feedOf(reader, isolate)).not.toContain(postId)
      await expectProblem(await reader.fetch(`/v1/posts/${postId}`, { isolate }), 'not-found')
      const answer = await reader.fetch(`/v1/users/${author.id}/posts`, { isolate })
      if (page === 'served') expect(await idsIn(answer)).not.toContain(postId)
      else await expectProblem(answer, page)
    }
  })
}

test('what is for followers is shown to them and its author; to others, and to nobody we know, it does not exist', async () => {
  const { author, follower, outsider } = await people()
  const open = await post(author, 'for all')
  const closed = await post(author, 'for followers', 'followers')
  for (const reader of [author, follower]) {
    await within(PROMISED_MS, async () => expect(await feedOf(reader)).toEqual([closed.id, open.id]))
    expect(await pageOf(author, reader)).toEqual([closed.id, open.id])
    const single = await reader.fetch(`/v1/posts/${closed.id}`)
    expect(single.headers.get('cache-control')).toBe('private, no-cache')
    expect(postSchema.parse(await single.json()).audience).toBe('followers')
  }
  for (const isolate of isolates) {
    expect(await pageOf(author, outsider, isolate)).toEqual([open.id])
    await expectProblem(await outsider.fetch(`/v1/posts/${closed.id}`, { isolate }), 'not-found')
    const page = await anonymously(`/v1/users/${author.id}/posts`, isolate)
    expect(page.headers.get('cache-control')).toMatch(/^public, max-age=[012]$/)
    expect(await idsIn(page)).toEqual([open.id])
    await expectProblem(await anonymously(`/v1/posts/${closed.id}`, isolate), 'not-found')
  }
})

test.concurrent('a follower who is removed sees nothing that is not public within 5 s, in every isolate', async () => {
  const { author, follower } = await people()
  const closed = await post(author, 'for followers', 'followers')
  await within(PROMISED_MS, async () => expect(await feedOf(follower)).toContain(closed.id))
  await warm(follower, author, closed.id)
  await write(author, 'DELETE', `/v1/followers/${follower.id}`)
  await hiddenEverywhere(follower, author, closed.id, 'served')
})

test.concurrent('a block hides both from each other within 5 s; whoever asks without a token still reads what is public', async () => {
  const { author, follower } = await people()
  const theirs = await post(author, 'of the one')
  const mine = await post(follower, 'of the other')
  await within(PROMISED_MS, async () => expect(await feedOf(follower)).toContain(theirs.id))
  await warm(follower, author, theirs.id)
  await warm(author, follower, mine.id)
  await write(author, 'POST', `/v1/users/${follower.id}/block`)
  await Promise.all([hiddenEverywhere(follower, author, theirs.id, 'blocked'), hiddenEverywhere(author, follower, mine.id, 'blocked')])
  expect(await idsIn(await anonymously(`/v1/users/${author.id}/posts`))).toEqual([theirs.id])
})

test.concurrent('an account that goes private is hidden from all but its followers within 5 s, and its page says why', async () => {
  const { author, follower, outsider } = await people()
  const { id } = await post(author, 'once for all')
  await within(PROMISED_MS, async () => expect(await feedOf(follower)).toContain(id))
  for (const reader of [follower, outsider]) for (const isolate of isolates) await reader.fetch(`/v1/posts/${id}`, { isolate })
  for (const isolate of isolates) {
    expect((await anonymously(`/v1/posts/${id}`, isolate)).status).toBe(200)
    expect(await pageOf(author, outsider, isolate)).toEqual([id])
  }
  await write(author, 'PUT', `/v1/users/${author.id}/privacy`, { private: true })
  await hiddenEverywhere(outsider, author, id, 'private-account')
  await within(PROMISED_MS, async () => {
    for (const isolate of isolates) {
      await expectProblem(await anonymously(`/v1/posts/${id}`, isolate), 'not-found')
      await expectProblem(await anonymously(`/v1/users/${author.id}/posts`, isolate), 'private-account')
      const seen = postSchema.parse(await (await follower.fetch(`/v1/posts/${id}`, { isolate })).json())
      expect(seen.audience).toBe('followers')
      expect(await feedOf(follower, isolate)).toContain(id)
      expect(await pageOf(author, author, isolate)).toEqual([id])
    }
  })
})

test('likes and reposts are counted for all and marked for who did them; a tag is of one reader', async () => {
  const { author, follower, outsider } = await people()
  const { id } = await post(author, 'to be liked')
  const path = `/v1/posts/${id}`
  await write(follower, 'POST', `/v1/posts/${id}/like`)
  const { version } = await write(follower, 'POST', `/v1/posts/${id}/repost`)
  const own = await follower.fetch(path, { version })
  expect(postSchema.parse(await own.json()).mine).toEqual({ liked: true, reposted: true })
  await eventually(async () => {
    const seen = postSchema.parse(await (await outsider.fetch(path)).json())
    expect(seen.counts).toEqual({ likes: 1, reposts: 1 })
    expect(seen.mine).toBeUndefined()
  })
  const tag = own.headers.get('etag') ?? ''
  expect((await outsider.fetch(path, { headers: { 'if-none-match': tag } })).status).toBe(200)
  const nobodys = await anonymously(path)
  expect(postSchema.parse(await nobodys.json()).mine).toBeUndefined()
  expect(nobodys.headers.get('etag')).not.toBe(tag)
})

test('a post that several reposted comes once, with their names', async () => {
  const { author, follower: one, outsider: other } = await people()
  const [readerId = ''] = await makeUsers(stack.db, 1)
  const reader = await stack.client(readerId)
  await makeFollows(stack.db, [
    [readerId, one.id],
    [readerId, other.id],
  ])
  const { id } = await post(author, 'to be passed on')
  await write(one, 'POST', `/v1/posts/${id}/repost`)
  await write(other, 'POST', `/v1/posts/${id}/repost`)
  await within(PROMISED_MS, async () => {
    const { posts } = pageSchema.parse(await (await reader.fetch(FEED)).json())
    expect(posts).toHaveLength(1)
    expect(posts[0]).toMatchObject({
      id,
      reposted_by: { id: other.id },
      reposters: { count: 2, first: [{ id: other.id }, { id: one.id }] },
    })
  })
})

test('an answer says that it is complete', async () => {
  const { author, follower } = await people()
  const { id } = await post(author, 'whole')
  for (const path of [FEED, `/v1/users/${author.id}/posts`, `/v1/posts/${id}`]) {
    const { headers } = await follower.fetch(path)
    expect([headers.get(COMPLETENESS_HEADER), headers.get(DEGRADED_HEADER)]).toEqual(['complete', null])
    const tag = headers.get('etag') ?? ''
    const same = await follower.fetch(path, { headers: { 'if-none-match': tag } })
    if (same.status === 304) expect(same.headers.get(COMPLETENESS_HEADER)).toBe('complete')
  }
})
