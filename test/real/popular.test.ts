import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { EPOCH_MS, firstIdAt, mintedAtMs } from '../../contract/ids.ts'
import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { POPULAR_CAP } from '../../contract/timeline.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import { computePopular, withdrawAuthor, withdrawPost } from '../../origin/db/popular.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { mulberry32 } from '../support/random.ts'

const HOUR_MS = 3_600_000
const SEED = Number(process.env.SEED ?? 20_261_121)

let database: TestDatabase
let connection: Connection
let db: Database

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 10_000, applicationName: 'test' })
  db = connection.db
})
afterEach(async () => {
  await db.execute(sql`delete from popular_posts`)
  await db.execute(sql`delete from post_counts`)
  await db.execute(sql`delete from likes`)
  await db.execute(sql`delete from posts`)
  await db.execute(sql`update users set deleted_at = now()`)
  await db.execute(sql`update authors set follower_count = 0`)
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

const compute = (everyMs = 0) => db.transaction((tx) => computePopular(tx, { everyMs, idEpochMs: EPOCH_MS }))
async function popular(): Promise<string[]> {
  const [loaded] = await loadKeys(db, [keyOf.popular()])
  const list = decodeList(loaded?.payload ?? '', POPULAR_CAP)
  expect(list).toMatchObject({ completeSince: '0', candidates: [] })
  return list?.entries.map(({ activityId }) => activityId) ?? []
}

interface NewPost {
  readonly author: string
  readonly hoursAgo: number
  readonly likes?: number
  readonly reposts?: number
  readonly audience?: 'public' | 'followers'
}
let made = 0n
async function makePosts(posts: readonly NewPost[]): Promise<string[]> {
  const rows = posts.map((post) => ({
    likes: 0,
    reposts: 0,
    audience: 'public',
    ...post,
    id: String(firstIdAt(Math.round(Date.now() - post.hoursAgo * HOUR_MS)) + ++made),
  }))
  await db.execute(sql`
    with made as (select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) r (id bigint, author bigint, audience text, likes int, reposts int)),
      post as (insert into posts (id, author_id, text, mode, audience) select id, author, 'x', 'push', audience from made)
    insert into post_counts (post_id, slot, likes, reposts) select id, slot, likes / 2, reposts from made, (values (0), (7)) s(slot) where likes + reposts > 0`)
  return rows.map(({ id }) => id)
}
const like = (userId: string, ids: readonly string[]) =>
  db.execute(sql`insert into likes (user_id, post_id) select ${userId}, unnest(${`{${ids.join(',')}}`}::bigint[])`)
const newestFirst = (ids: readonly string[]): string[] => [...ids].sort().reverse()

test('what was liked or reposted last is ranked by likes and reposts against age, and told newest first', async () => {
  const random = mulberry32(SEED)
  const [author = '', liker = ''] = await makeUsers(db, 2)
  const posts = Array.from({ length: 300 }, () => ({
    author,
    hoursAgo: random() * 200,
    likes: 2 * Math.floor(1 + random() * 50),
    reposts: Math.floor(random() * 10),
  }))
  const ids = await makePosts(posts)
  await like(liker, ids)
  await compute()
  const nowMs = Date.now()
  const scoreOf = (i: number) => {
    const { likes = 0, reposts = 0 } = posts[i] ?? {}
    return (likes + 2 * 2 * reposts) / ((nowMs - mintedAtMs(ids[i] ?? '')) / HOUR_MS + 2) ** 1.5
  }
  const best = ids.map((id, i) => ({ id, score: scoreOf(i) })).sort((a, b) => b.score - a.score)
  expect(await popular()).toEqual(newestFirst(best.slice(0, POPULAR_CAP).map(({ id }) => id)))
})

test('a post that was only reposted is found by its repost', async () => {
  const [author = '', other = ''] = await makeUsers(db, 2)
  const [root = ''] = await makePosts([{ author, hoursAgo: 30, reposts: 1 }])
  await makePosts(Array.from({ length: 20 }, () => ({ author, hoursAgo: 1 })))
  await db.execute(
    sql`insert into posts (id, author_id, root_id, root_author_id, mode) values (${firstIdAt(Date.now())}, ${other}, ${root}, ${author}, 'push')`,
  )
  await compute()
  expect(await popular()).toContain(root)
})

test('a brand-new deployment shows the newest posts of the most-followed authors', async () => {
  const [few = '', many = ''] = await makeUsers(db, 2)
  await db.execute(sql`update authors set follower_count = 9 where author_id = ${many}`)
  const ids = await makePosts(Array.from({ length: 12 }, (_, i) => ({ author: many, hoursAgo: 12 - i })))
  const others = await makePosts([{ author: few, hoursAgo: 3 }])
  await compute()
  expect(await popular()).toEqual(newestFirst([...ids.slice(2), ...others]))
})

test('nothing is popular that not everybody may see: neither when it is computed nor when it is told', async () => {
  const authors = await makeUsers(db, 5)
  const [open = '', closed = '', suspended = '', deleted = '', liker = ''] = authors
  const hide = async () => {
    await db.execute(sql`update users set private = true where id = ${closed}`)
    await db.execute(sql`update users set suspended_at = now() where id = ${suspended}`)
    await db.execute(sql`update users set deleted_at = now() where id = ${deleted}`)
  }
  const ids = await makePosts([open, open, closed, suspended, deleted].map((author) => ({ author, hoursAgo: 1, likes: 2 })))
  const [notPublic = ''] = await makePosts([{ author: open, hoursAgo: 1, likes: 2, audience: 'followers' }])
  await like(liker, [...ids, notPublic])
  await compute()
  expect(await popular()).toEqual(newestFirst(ids))
  await hide()
  await db.execute(sql`update posts set deleted_at = now() where id = ${ids[1]}`)
  expect(await popular()).toEqual(ids.slice(0, 1))
  await compute()
  expect(await popular()).toEqual(ids.slice(0, 1))
  expect(await db.execute(sql`select 1 from popular_posts`)).toHaveLength(1)
})

test('what is hidden leaves the list at once, and L2 is to forget it; what was not on it costs nothing', async () => {
  const [open = '', closed = ''] = await makeUsers(db, 2)
  const ids = await makePosts([open, open, closed, closed].map((author) => ({ author, hoursAgo: 1 })))
  await compute()
  const owed = async (withdraw: typeof withdrawPost, id: string) => db.transaction((tx) => withdraw(tx, BigInt(id), keyOf.popular()))
  const [first] = await owed(withdrawPost, ids[0] ?? '')
  const [second] = await owed(withdrawAuthor, closed)
  expect([first?.key, second?.key, Number(second?.truth) - Number(first?.truth)]).toEqual(['pop', 'pop', 1])
  expect(await popular()).toEqual([ids[1]])
  expect([await owed(withdrawPost, ids[0] ?? ''), await owed(withdrawAuthor, closed)]).toEqual([[], []])
})

test('processes share the work: one computes at a time, and none before it is due', async () => {
  const versionOf = async () => (await loadKeys(db, [keyOf.popular()]))[0]?.truth ?? 0
  const before = await versionOf()
  expect((await Promise.all([compute(), compute(), compute()])).filter(Boolean).length).toBeGreaterThan(0)
  expect(await compute(60_000)).toBe(false)
  const done = await db.transaction(async (tx) => {
    const first = await computePopular(tx, { everyMs: 0, idEpochMs: EPOCH_MS })
    return [first, await compute()] // while the first has not committed
  })
  expect(done).toEqual([true, false])
  expect(await versionOf()).toBeGreaterThan(before)
})
