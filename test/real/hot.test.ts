import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageSchema } from '../../contract/post.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { timelineFacts } from '../../origin/db/consistency-facts.ts'
import { oracleActivities, oracleFeed } from '../../origin/db/oracle.ts'
import { NOT_REBUILT } from '../../origin/db/viewers.ts'
import { eventually } from '../support/eventually.ts'
import { holdCommits } from '../support/held-commits.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { within } from '../support/running-time.ts'
import { scroll } from '../support/scroll.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'
import { timelinesInL2 } from '../support/values-in-l2.ts'

const HOT = 3
/** The second is cold until it is asked: it has nothing but what L2 has. */
const ISOLATES = 2

let stack: Stack
beforeAll(async () => {
  stack = await startStack({ isolates: ISOLATES, origin: { HOT_THRESHOLD: String(HOT), HOT_LEAVE_SHARE: '0.5', HOT_HOLD_MS: '1' } })
}, 180_000)
afterAll(() => stack?.stop())

/** An author with so many followers, of whom the clients are some. */
async function authorOf(followers: number): Promise<{ author: Client; readers: Client[] }> {
  const [author = '', ...fans] = await makeUsers(stack.db, 1 + followers)
  await makeFollows(
    stack.db,
    fans.map((fan) => [fan, author] as const),
  )
  await becomes(author, followers >= HOT)
  return { author: await stack.client(author), readers: await Promise.all(fans.map((fan) => stack.client(fan))) }
}
const becomes = (author: string, hot: boolean) =>
  eventually(
    async () => expect(await stack.db.execute(sql`select hot from authors where author_id = ${author}`)).toEqual([{ hot }]),
    60_000,
  )

async function post(author: Client): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const response = await author.fetch('/v1/posts', { method: 'POST', headers, body: JSON.stringify({ text: 'x' }) })
  expect(response.status).toBe(201)
  return ((await response.json()) as { id: string }).id
}
async function feedOf(reader: Client, isolate = 0): Promise<string[]> {
  const response = await reader.fetch('/v1/feed/following', { isolate })
  expect(response.status).toBe(200)
  return pageSchema.parse(await response.json()).posts.map(({ activity_id }) => activity_id)
}
/** All chunks are cut and pushed. */
const delivered = () =>
  eventually(async () => {
    const owed = await stack.db.execute(sql`
      select activity_id from fanout_jobs union all select activity_id from fanout_chunks where pushed_at is null`)
    expect(owed).toEqual([])
  }, 60_000)
/** Rows are written behind the first answer, and would hold what is posted meanwhile. */
const rebuilt = () =>
  eventually(async () =>
    expect(await stack.db.execute(sql`select 1 from viewers where enrolled_at is not null and complete_since = ${NOT_REBUILT}`)).toEqual(
      [],
    ),
  )
const loadsOf = ({ id }: Client) => stack.events.filter((event) => event.type === 'load' && event.keys.includes(`tl:${id}`)).length
const modeAndRows = async (id: string) =>
  (
    await stack.db.execute<{ mode: string; rows: number }>(sql`
    select mode, (select count(*)::int from timeline_entries where activity_id = p.id) as rows from posts p where id = ${id}`)
  )[0]

test('a hot post reaches who is present by a push, and who is not by their next fill, without a row', async () => {
  const { author, readers } = await authorOf(HOT)
  const [present, absent, lost] = readers
  if (!present || !absent || !lost) throw new Error('too few readers')
  for (const reader of [present, lost]) expect(await feedOf(reader)).toEqual([])
  await rebuilt()
  const loads = loadsOf(present)
  const id = await post(author)
  await within(PROMISED_MS, async () => expect(await feedOf(present)).toEqual([id]))
  expect(loadsOf(present)).toBe(loads)
  expect(await modeAndRows(id)).toEqual({ mode: 'hot', rows: 0 })
  await delivered()
  const facts = await timelineFacts(stack.db, present.id, { since: '0', activityIds: [], actorIds: [] }, 800)
  expect(facts?.rows).toMatchObject([{ activityId: id, state: 'delivered' }]) // the monitor misses it where a cache has lost it
  expect(await oracleActivities(stack.db, present.id)).toMatchObject([{ activityId: id, journey: { by: 'push', state: 'delivered' } }])
  await stack.redis.flush() // their timeline is gone, and the memory of the other isolate has none
  for (const reader of [absent, lost]) expect(await feedOf(reader, 1)).toEqual([id])
})

/** A reader fills their timeline while a hot post is written and not committed; then it commits and is delivered. */
async function fillWhilePosting(between: (reader: Client) => Promise<unknown>) {
  const { author, readers } = await authorOf(HOT)
  const [reader] = readers
  if (!reader) throw new Error('no reader')
  const held = await holdCommits(stack.databaseUrl, 'insert on posts')
  const posting = post(author)
  try {
    await held.waiting()
    expect(await feedOf(reader)).toEqual([])
    await eventually(async () => expect(await timelinesInL2(stack, [reader.id])).toEqual([[]])) // the fill runs behind the answer
    await between(reader)
  } finally {
    await held.release()
  }
  const id = await posting
  await delivered()
  return { reader, id, loads: loadsOf(reader) }
}

test('a reader whose fill did not see the post that was about to commit gets it by the push', async () => {
  const { reader, id, loads } = await fillWhilePosting(async () => {})
  expect(await feedOf(reader, 1)).toEqual([id])
  expect(loadsOf(reader)).toBe(loads)
})

test('were the reader not marked as present before the fill, the post would be lost to that timeline', async () => {
  const { reader } = await fillWhilePosting(({ id }) =>
    stack.db.execute(sql`update viewers set present_until = '-infinity' where viewer_id = ${id}`),
  )
  expect(await feedOf(reader, 1)).toEqual([])
})

test('an author who crosses the threshold, back and forth, loses no post and shows none twice', async () => {
  const { author, readers } = await authorOf(HOT)
  const [reader, late] = readers
  if (!reader || !late) throw new Error('too few readers')
  const modes: (string | undefined)[] = []
  for (const followers of [HOT, 0, HOT, 0, HOT]) {
    await stack.db.execute(sql`update authors set follower_count = ${followers} where author_id = ${author.id}`)
    await becomes(author.id, followers >= HOT)
    await feedOf(reader)
    modes.push((await modeAndRows(await post(author)))?.mode)
  }
  expect(modes).toEqual(['hot', 'push', 'hot', 'push', 'hot'])
  await delivered()
  for (const one of [reader, late]) expect(await scroll(one, 2, '/v1/feed/following', 1)).toEqual(await oracleFeed(stack.db, one.id))
})
