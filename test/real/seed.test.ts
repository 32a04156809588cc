import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createDemo, DEMO_READER } from '../../dev/seed.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { admitCandidates, identityOf, seedIfEmpty, someReader } from '../../origin/db/seed.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection
const demo = createDemo({ seed: 1, nowMs: Date.UTC(2026, 10, 21) })

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 2, statementTimeoutMs: 30_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection.close()
  await database.drop()
})

test('an empty database is seeded once, however many start at the same moment', async () => {
  const seeded = await Promise.all([1, 2].map(() => seedIfEmpty(connection.db, () => demo)))
  expect(seeded.toSorted()).toEqual([false, true])
})

test('what is seeded is what the routes would have left behind', async () => {
  const { db } = connection
  const [counts] = await db.execute(sql`
    select (select count(*)::int from users) as users, (select count(*)::int from viewers where enrolled_at is null) as dormant,
      (select count(*)::int from follows) as follows, (select count(*)::int from posts where mode = 'push') as pushed,
      (select count(*)::int from posts where root_id is not null) as reposts, (select count(*)::int from fanout_jobs) as jobs`)
  const reposts = demo.posts.filter(({ root }) => root).length
  expect(counts).toEqual({ users: 500, dormant: 500, follows: demo.follows.length, pushed: 2_000, reposts, jobs: 0 })
  const wrong = await db.execute(sql`
    select author_id from authors a where
      post_version <> (select count(*) from posts p where p.author_id = a.author_id)
      or last_post_id <> (select coalesce(max(id), 0) from posts p where p.author_id = a.author_id)
      or follower_count <> (select count(*) from follows where followee_id = a.author_id)
      or route <> 'push'`)
  expect(wrong).toHaveLength(0)
  const roots = await db.execute(sql`select 1 from posts p join posts root on root.id = p.root_id and root.author_id = p.root_author_id`)
  expect(roots).toHaveLength(reposts)
})

test('authors above the floor are candidates at once, and timelines of before are forgotten; a second time changes nothing', async () => {
  const { db } = connection
  for (const _ of [1, 2]) await db.transaction((tx) => admitCandidates(tx, 50))
  const [counts] = await db.execute(sql`
    select (select count(*)::int from authors where coalesce(candidate_since = '-infinity', false) <> (follower_count >= 50)) as wrong,
      (select count(*)::int from authors where candidate_since = '-infinity') > 0 as some,
      (select count(*)::int from invalidations where key = 'tl:*') as forgotten`)
  expect(counts).toEqual({ wrong: 0, some: true, forgotten: 1 })
})

test('there is somebody to read as, with or without the demo', async () => {
  expect(await someReader(connection.db, DEMO_READER)).toMatchObject({ handle: DEMO_READER })
  const other = await someReader(connection.db, 'nobody-here')
  expect(demo.users.map(({ handle }) => handle)).toContain(other?.handle)
})

test('a database made anew under the same name is another one', async () => {
  const other = await createDatabase(inject('postgresUrl'))
  const { db, close } = connect(other.url, { maxConnections: 1, statementTimeoutMs: 30_000, applicationName: 'test' })
  try {
    const identity = await identityOf(db)
    expect(identity).not.toBe(await identityOf(connection.db))
    expect(await identityOf(db)).toBe(identity)
  } finally {
    await close()
    await other.drop()
  }
})
