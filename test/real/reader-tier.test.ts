import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEGRADED_HEADER } from '../../contract/headers.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { pageSchema } from '../../contract/post.ts'
import { MAX_PULLED } from '../../contract/timeline.ts'
import { idArray } from '../../origin/db/client.ts'
import { mergedOf } from '../../origin/db/merged.ts'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { writePast } from '../support/activity.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { Undecided, within } from '../support/running-time.ts'
import { scroll } from '../support/scroll.ts'
import { type Client, NEVER_DEGRADED, type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const CROWDED = MAX_PULLED + 6

let stack: Stack
let crowded: string[] = []
let client: Client

beforeAll(async () => {
  stack = await startStack({ worker: NEVER_DEGRADED })
  const [reader = '', ...authors] = await makeUsers(stack.db, CROWDED + 6)
  crowded = authors.slice(0, CROWDED)
  await makeFollows(
    stack.db,
    authors.map((author) => [reader, author] as const),
  )
  await stack.db.execute(sql`
    update authors set route = 'pull', candidate_since = now(), announced_at = now() where author_id = any(${idArray(crowded)})`)
  await writePast(stack.db, authors, { seed: SEED, posts: 1_500, reposts: 0.15, deleted: 0.1, spanMs: 30 * 86_400_000 })
  client = await stack.client(reader)
})
afterAll(() => stack?.stop())

test('who follows more crowded authors than a read pulls sees what everybody sees, to the end, and a new post within the promise', async () => {
  expect(await scroll(client, 50)).toEqual(await oracleFeed(stack.db, client.id))
  const loads = stack.events.flatMap((event) => (event.type === 'load' ? event.keys : []))
  expect(loads).toContain(keyOf.merged(client.id))
  const author = await stack.client(crowded[3] ?? '')
  const response = await author.fetch('/v1/posts', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'to the crowd' }),
  })
  expect(response.status).toBe(201)
  const { id } = (await response.json()) as { id: string }
  await within(5_000, async () => {
    const answer = await client.fetch('/v1/feed/following?limit=50')
    const page = pageSchema.parse(await answer.json())
    if (answer.headers.has(DEGRADED_HEADER)) throw new Undecided('a merge could not be had in time')
    expect(page.posts[0]?.id).toBe(id)
  })
})

test.each([1, 7, 200, 5_000])('the merge is the newest %i of all that these authors show', async (limit) => {
  await stack.db.execute(
    sql`update users set private = id % 7 = 0, suspended_at = case when id % 11 = 0 then now() end where id = any(${idArray(crowded)})`,
  )
  const expected = await stack.db.execute<{ id: string; audience: string }>(sql`
    select p.id::text, case when private then 'followers' else audience end as audience from posts p join users u on u.id = author_id
    where author_id = any(${idArray(crowded)}) and p.deleted_at is null and u.suspended_at is null order by p.id desc limit ${limit}`)
  const merged = await mergedOf(stack.db, BigInt(client.id), limit)
  expect(
    merged.map(({ activityId: id, audience }) => ({ id, audience })),
    `seed ${SEED}`,
  ).toEqual([...expected])
})
