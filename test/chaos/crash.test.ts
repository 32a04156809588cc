import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { REPLAYED_HEADER } from '../../contract/headers.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { TOMBSTONE } from '../../origin/fanout/deliver.ts'
import { eventually } from '../support/eventually.ts'
import { holdCommits } from '../support/held-commits.ts'
import { type OriginProcess, startOriginProcess } from '../support/origin-process.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'
import { timelinesInL2, valuesInL2 } from '../support/values-in-l2.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

let stack: Stack
let port = 0
/** The process that serves requests and fans out. One that a test kills is started again by `restart`. */
let origin: OriginProcess
let author: Client
let reader: Client

const restart = async () => {
  origin = await startOriginProcess(stack.environment, port)
}

beforeAll(async () => {
  stack = await startStack({ isolates: 2 })
  port = Number(new URL(stack.originUrl()).port)
  await stack.stopOrigin()
  await restart()
})
afterAll(async () => {
  await origin?.kill()
  await stack?.stop()
})
beforeEach(async () => {
  if (origin.ended) await restart()
  const [writer = '', viewer = ''] = await makeUsers(stack.db, 2)
  author = await stack.client(writer)
  reader = await stack.client(viewer)
})
afterEach(() => stack.facade.setFault(undefined))

async function post(client: Client, headers: Record<string, string> = {}): Promise<{ id: string; replayed: boolean }> {
  const response = await client.fetch('/v1/posts', { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: '{"text":"a post"}' })
  expect(response.status, await response.clone().text()).toBe(201)
  return { id: ((await response.json()) as { id: string }).id, replayed: response.headers.has(REPLAYED_HEADER) }
}
async function feed(isolate = 0): Promise<string[]> {
  const response = await reader.fetch('/v1/feed/following', { isolate })
  expect(response.status).toBe(200)
  return pageSchema.parse(await response.json()).posts.map(({ id }) => id)
}
const timelineInL2 = async () => (await timelinesInL2(stack, [reader.id]))[0]
/** Hangs every script of the origin that names this key, and tells when the first one hung. A worker may still store behind its last answer what this key had then. */
function hangScriptsOn(key: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const isOfOrigin = (words: readonly string[]) => words.some((word) => /:hb:\d+$/.test(word))
  stack.facade.setFault(({ commands }) => {
    if (!commands.some(([name = '', ...words]) => /^eval/i.test(name) && isOfOrigin(words) && words.some((word) => word.endsWith(key))))
      return undefined
    resolve()
    return { hang: true }
  })
  return promise
}
async function count(rows: ReturnType<typeof sql>): Promise<number> {
  const [row] = await stack.db.execute<{ count: number }>(sql`select count(*)::int as count from ${rows}`)
  return row?.count ?? -1
}
const chunks = (id: string, state: string) => count(sql`fanout_chunks where activity_id = ${id} and state = ${state}`)
const owed = (key: string) => count(sql`invalidations where done_at is null and key = ${key}`)
/** Debts are left to whoever made them for five seconds: these are over now, or in an hour. */
const due = (debts: 'invalidations' | 'backfills', inSeconds: number) =>
  stack.db.execute(sql`update ${sql.raw(debts)} set due_at = now() + make_interval(secs => ${inSeconds})`)

/** Deletes a post whose body is in L2, and kills the process between the commit and the invalidation. */
async function dieDeleting(id: string): Promise<void> {
  await eventually(async () => expect(await valuesInL2(stack, [keyOf.post(id, 'public')])).toEqual([expect.stringContaining('a post')]))
  const invalidating = hangScriptsOn(keyOf.post(id, 'public'))
  const deleting = author.fetch(`/v1/posts/${id}`, { method: 'DELETE' })
  await invalidating
  await origin.kill()
  stack.facade.setFault(undefined)
  expect((await deleting).status).toBe(503) // never acknowledged
  expect(await count(sql`posts where id = ${id} and deleted_at is not null`)).toBe(1)
  expect(await owed(keyOf.post(id, 'public'))).toBe(1)
}

test('an entry whose rows committed just before the crash is pushed by another process', async () => {
  await makeFollows(stack.db, [[reader.id, author.id]])
  expect(await feed()).toEqual([])
  await eventually(async () => expect(await timelineInL2()).toEqual([])) // from now on the timeline is present in L2
  const pushing = hangScriptsOn(keyOf.timeline(reader.id))
  const { id } = await post(author)
  await pushing
  await origin.kill()
  stack.facade.setFault(undefined)
  expect(await chunks(id, 'inserted')).toBe(1)
  expect(await timelineInL2()).toEqual([]) // nothing but the debt knows of it

  const other = await startOriginProcess(stack.environment) // it only fans out: nobody can fill what it does not push
  await eventually(async () => expect(await chunks(id, 'pushed')).toBe(1))
  expect(await timelineInL2()).toEqual([id])
  await other.kill()
  await restart()
  for (const isolate of [0, 1]) await eventually(async () => expect(await feed(isolate)).toEqual([id]), 5_000)
})

test('a delete whose invalidation died with its process is carried out after a restart, and the post is gone within 5 s', async () => {
  await makeFollows(stack.db, [[reader.id, author.id]])
  const { id } = await post(author)
  for (const isolate of [0, 1]) await eventually(async () => expect(await feed(isolate)).toEqual([id]), 5_000)
  await dieDeleting(id)
  expect(await feed()).toEqual([id])
  await due('invalidations', 0)
  await restart()
  await eventually(async () => expect(await owed(keyOf.post(id, 'public'))).toBe(0))
  for (const isolate of [0, 1]) {
    await eventually(async () => {
      expect(await feed(isolate)).toEqual([])
      expect((await reader.fetch(`/v1/posts/${id}`, { isolate })).status).toBe(410)
    }, 5_000)
  }
})

test('a repeated delete finishes what the first one left undone, before it is acknowledged', async () => {
  const { id } = await post(author)
  expect((await reader.fetch(`/v1/posts/${id}`)).status).toBe(200)
  await dieDeleting(id)
  await due('invalidations', 3_600)
  await restart()
  expect((await reader.fetch(`/v1/posts/${id}`, { isolate: 1 })).status).toBe(200)
  expect((await author.fetch(`/v1/posts/${id}`, { method: 'DELETE' })).status).toBe(204)
  // Not the row of the debt: who starts or finds a process dead replays the last minute, and owes for a moment what was done.
  expect(await valuesInL2(stack, [keyOf.post(id, 'public')])).toEqual([TOMBSTONE])
  await eventually(async () => expect((await reader.fetch(`/v1/posts/${id}`)).status).toBe(410), 5_000)
})

test('a follow that committed just before the crash gets its history', async () => {
  const [other = ''] = await makeUsers(stack.db, 1)
  await makeFollows(stack.db, [[reader.id, other]])
  const id = (await post(author)).id
  const otherId = (await post(await stack.client(other))).id
  await eventually(async () => expect(await feed()).toEqual([otherId]), 5_000)

  const held = await holdCommits(stack.databaseUrl, 'insert on follows')
  const following = reader.fetch(`/v1/users/${author.id}/follow`, { method: 'POST' })
  await held.waiting()
  await origin.kill()
  await held.release()
  expect((await following).status).toBe(503)
  expect(await count(sql`backfills where viewer_id = ${reader.id}`)).toBe(1)

  await due('backfills', 0)
  await restart()
  await eventually(async () => expect(await count(sql`backfills where viewer_id = ${reader.id}`)).toBe(0))
  await eventually(async () => expect(await owed(keyOf.timeline(reader.id))).toBe(0))
  for (const isolate of [0, 1]) await eventually(async () => expect(await feed(isolate)).toEqual([otherId, id]), 5_000)
})

test('a post that committed just before the crash is not posted again by a retry with its Idempotency-Key', async () => {
  const held = await holdCommits(stack.databaseUrl, 'insert on idempotency_keys')
  const posting = author.fetch('/v1/posts', {
    method: 'POST',
    headers: { ...JSON_TYPE, 'idempotency-key': 'crashed' },
    body: '{"text":"a post"}',
  })
  await held.waiting()
  await origin.kill()
  await held.release()
  expect((await posting).status).toBe(503)
  await restart()
  const { id, replayed } = await post(author, { 'idempotency-key': 'crashed' })
  expect(replayed).toBe(true)
  const rows = await stack.db.execute<{ id: bigint }>(sql`select id from posts where author_id = ${author.id}`)
  expect(rows.map((row) => String(row.id))).toEqual([id])
})

test('without the key the same retry posts twice', async () => {
  const held = await holdCommits(stack.databaseUrl, 'insert on posts')
  const posting = author.fetch('/v1/posts', { method: 'POST', headers: JSON_TYPE, body: '{"text":"a post"}' })
  await held.waiting()
  await origin.kill()
  await held.release()
  await posting
  await restart()
  await post(author)
  expect(await count(sql`posts where author_id = ${author.id}`)).toBe(2)
})

test('twenty posts with one Idempotency-Key at the same moment are one post', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(author, { 'idempotency-key': 'same-moment' })))
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
  expect(answers.filter(({ replayed }) => !replayed).length).toBe(1)
  expect(await count(sql`posts where author_id = ${author.id}`)).toBe(1)
})
