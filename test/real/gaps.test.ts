import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION_HEADER } from '../../contract/headers.ts'
import { type Page, pageSchema } from '../../contract/post.ts'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { eventually } from '../support/eventually.ts'
import { expectProblem } from '../support/expect-problem.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { scroll } from '../support/scroll.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const STARS = 20
const FEED = '/v1/feed/following'

let stack: Stack
let reader: Client
let author: Client
/** Somebody whom nobody follows at first, with posts between those of the others. */
let stranger: Client
let stars: Client[] = []

beforeAll(async () => {
  stack = await startStack({
    isolates: 2,
    origin: { CROWD_THRESHOLD: '4', CROWD_FLOOR: '2' },
    worker: { LIFETIMES: '{"crowd":{"softMs":300000,"hardMs":600000}}' }, // or its load, every 5 s, might be among those that are counted
  })
  const ids = await makeUsers(stack.db, STARS + 6)
  const [readerId = '', authorId = '', strangerId = '', ...others] = ids
  const [fans, starIds] = [others.slice(0, 3), others.slice(3)]
  await makeFollows(stack.db, [...starIds.flatMap((star) => [readerId, ...fans].map((fan) => [fan, star] as const)), [readerId, authorId]])
  ;[reader, author, stranger] = await Promise.all([stack.client(readerId), stack.client(authorId), stack.client(strangerId)])
  stars = await Promise.all(starIds.map((id) => stack.client(id)))
  await eventually(async () => {
    const rows = await stack.db.execute(sql`select 1 from authors where route = 'pull'`)
    expect(rows).toHaveLength(STARS)
  }, 60_000)
}, 180_000)
afterAll(() => stack?.stop())

let version: string | null = null
async function write(client: Client, path: string, body?: unknown): Promise<string> {
  const response = await client.fetch(path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  expect(response.status).toBeLessThan(300)
  version = response.headers.get(VERSION_HEADER)
  const { id = '' } = (await response.json()) as { id?: string }
  return id
}
const post = (client: Client, text: string, audience?: 'followers') => write(client, '/v1/posts', { text, ...(audience && { audience }) })
async function posts(client: Client, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.unshift(await post(client, `post ${i}`))
  return ids
}

async function read(client: Client, query: Readonly<Record<string, string | number>>, path = FEED, token?: string | null): Promise<Page> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
  const response = await client.fetch(`${path}?${search}`, { version: token ?? null })
  expect(response.status, await response.clone().text()).toBe(200)
  return pageSchema.parse(await response.json())
}
const idsOf = (page: Page): string[] => page.posts.map(({ activity_id }) => activity_id)
/** The feed begins with these: pushes of two workers may overtake each other. */
const arrived = (client: Client, ids: readonly string[]) =>
  eventually(async () => expect(idsOf(await read(client, { limit: ids.length }))).toEqual(ids))
/** All that was posted is in this feed. */
const caughtUp = (client: Client) =>
  eventually(async () => expect(await scroll(client, 100)).toEqual(await oracleFeed(stack.db, client.id)))

test('a page of 50 with 20 crowded authors costs three round trips to L2 in a cold isolate and one in a warm one, and none to the origin', async () => {
  for (let round = 0; round < 3; round++) await Promise.all(stars.map((star, i) => post(star, `round ${round} of ${i}`)))
  await eventually(async () => expect(idsOf(await read(reader, { limit: 50 }))).toHaveLength(50))
  await eventually(async () => {
    const loads = stack.events.length
    await read(reader, { limit: 50 })
    expect(stack.events.length).toBe(loads) // what runs behind the answers has come to rest
  })
  const cost = async () => {
    const loads = stack.events.filter(({ type }) => type === 'load').length
    stack.facade.stats.reset()
    const response = await reader.fetch(`${FEED}?limit=50`, { isolate: 1 })
    expect(pageSchema.parse(await response.json()).posts).toHaveLength(50)
    return {
      l2: stack.facade.stats.byCommand.MGET ?? 0,
      origin: stack.events.filter(({ type }) => type === 'load').length - loads,
    }
  }
  const cold = await cost()
  expect([cold.l2 <= 3, cold.origin], JSON.stringify(cold)).toEqual([true, 0])
  // Once more, should this machine be so busy that memory's two seconds pass in between.
  await eventually(async () => {
    const warm = await cost()
    expect([warm.l2 <= 1, warm.origin], JSON.stringify(warm)).toEqual([true, 0])
  })
})

test('since answers what came since, and what did not fit is in the gap', async () => {
  await caughtUp(reader)
  const { top_cursor: top } = await read(reader, { limit: 5 })
  expect(top).not.toBeNull()
  const still = await read(reader, { since: top ?? '', limit: 10 })
  expect(still).toMatchObject({ posts: [], gap: false, gap_cursor: null, next_cursor: null })

  const came = await posts(author, 23)
  await arrived(reader, came)
  const news = await read(reader, { since: top ?? '', limit: 10 })
  expect(idsOf(news)).toEqual(came.slice(0, 10))
  expect(news.gap).toBe(true)
  const seen = idsOf(news)
  let gap = news.gap_cursor
  for (let pages = 0; gap !== null; pages++) {
    expect(pages).toBeLessThan(2)
    const page: Page = await read(reader, { cursor: gap, limit: 7 }, `${FEED}/gap`)
    expect(page).toMatchObject({ next_cursor: null, top_cursor: null })
    seen.push(...idsOf(page))
    gap = page.gap_cursor
  }
  expect(seen).toEqual(came)
  expect(await read(reader, { since: news.top_cursor ?? '' })).toMatchObject({ posts: [], gap_cursor: null })
})

test('what comes late into a scroll is reported with a cursor to what lacks, once', async () => {
  const late = await posts(stranger, 3)
  const came = await posts(author, 10)
  await arrived(reader, came)
  const first = await read(reader, { limit: 12 })
  const second = await read(reader, { limit: 5, cursor: first.next_cursor ?? '' })
  expect(second).toMatchObject({ gap: false, gap_cursor: null })
  await write(reader, `/v1/users/${stranger.id}/follow`)
  const third = await read(reader, { limit: 5, cursor: second.next_cursor ?? '' }, FEED, version)
  expect(third.gap).toBe(true)
  const lacking = await read(reader, { limit: 100, cursor: third.gap_cursor ?? '' }, `${FEED}/gap`, version)
  const shown = [...idsOf(first), ...idsOf(second)]
  expect(idsOf(lacking).filter((id) => !shown.includes(id))).toEqual(late)
  expect(idsOf(third).filter((id) => shown.includes(id))).toEqual([])
  const fourth = await read(reader, { limit: 5, cursor: third.next_cursor ?? '' }, FEED, version)
  expect(fourth.gap).toBe(false)
})

test('what a crowded author posts for followers reaches those who follow, and the author', async () => {
  const [star] = stars
  if (!star) throw new Error('no star')
  const id = await post(star, 'for you only', 'followers')
  await eventually(async () => {
    const { posts: lines } = await read(reader, { limit: 5 })
    expect(lines.find((line) => line.id === id)).toMatchObject({ audience: 'followers' })
  })
  const own = await read(star, { limit: 5 }, FEED, version)
  expect(own.source).toBe('popular') // who follows nobody is shown that, and what they posted
  expect(idsOf(own)).toContain(id)
  const outsider = await read(author, { limit: 100 })
  expect(idsOf(outsider)).not.toContain(id)
})

test('cursors are of no use to others, in another place, or forged', async () => {
  const { top_cursor: top } = await read(reader, { limit: 5 })
  await posts(author, 3)
  const page = await eventually(async () => {
    const news = await read(reader, { since: top ?? '', limit: 1 })
    expect(news.gap_cursor).not.toBeNull()
    return news
  })
  const gap = page.gap_cursor ?? ''
  const refused = async (client: Client, path: string) => expectProblem(await client.fetch(path), 'bad-cursor')
  await refused(author, `${FEED}?since=${top}`)
  await refused(author, `${FEED}/gap?cursor=${gap}`)
  await refused(reader, `${FEED}/gap?cursor=${top}`)
  await refused(reader, `${FEED}?since=${gap}`)
  await refused(reader, `${FEED}?cursor=${gap}`)
  await refused(reader, `${FEED}/gap?cursor=${gap.slice(0, -3)}${gap.endsWith('AAA') ? 'BBB' : 'AAA'}`)
  await expectProblem(await reader.fetch(`${FEED}/gap`), 'bad-request')
  await expectProblem(await reader.fetch(`${FEED}?since=${top}&cursor=${top}`), 'bad-request')
})
