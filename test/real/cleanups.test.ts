import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { insertBlock } from '../../origin/db/blocks.ts'
import { takeCleanups } from '../../origin/db/cleanups.ts'
import { type Connection, connect, type Database, type Queryable } from '../../origin/db/client.ts'
import { backfill, deleteFollow, insertFollow } from '../../origin/db/follows.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { retireViewers } from '../../origin/db/viewers.ts'
import { cleanNext } from '../../origin/fanout/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { holdCommits } from '../support/held-commits.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { enrolAndRebuild } from '../support/returning.ts'

const SEED = Number(process.env.SEED ?? 20_261_123)
const CAP = 800

let database: TestDatabase
let connection: Connection
let db: Database
let nextId = 2_170_000_000_000_000_000n
/** A viewer, and two authors with a post each from the start. */
let viewer = 0n
let authors: readonly [bigint, bigint] = [0n, 0n]

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 60_000, applicationName: 'test' })
  db = connection.db
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})
beforeEach(newPeople)

async function newPeople(): Promise<void> {
  await db.execute(sql`delete from cleanups`)
  const [one = '', two = '', three = ''] = await makeUsers(db, 3)
  viewer = BigInt(one)
  authors = [BigInt(two), BigInt(three)]
  await enrolAndRebuild(db, viewer)
  for (const author of authors) await follow(author)
  for (const author of authors) await post(author)
}

async function follow(author: bigint): Promise<void> {
  await db.transaction((tx) => insertFollow(tx, viewer, author))
  await settle(author)
}
const settle = (author: bigint) => db.transaction((tx) => backfill(tx, viewer, author, CAP))
const unfollow = (author: bigint) => db.transaction((tx) => deleteFollow(tx, viewer, author))
async function post(author: bigint): Promise<void> {
  await db.transaction((tx) => insertActivity(tx, { id: ++nextId, authorId: author, text: 'x', root: null }))
  await fanOut()
}
const fanOut = () => fanoutWorker(db).drain(new AbortController().signal)
const makeDue = () => db.execute(sql`update cleanups set due_at = now()`)
const clean = async () => {
  await makeDue()
  while ((await cleanNext(db)) > 0);
}
const owed = async () => (await db.execute(sql`select 1 from cleanups where viewer_id = ${viewer}`)).length
const rowsOf = async (author: bigint) =>
  (await db.execute(sql`select 1 from timeline_entries where viewer_id = ${viewer} and author_id = ${author}`)).length
/** Beside the commit that is held. */
const untilOneWaits = () =>
  eventually(async () =>
    expect(
      (await db.execute(sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length,
    ).toBeGreaterThan(1),
  )

test('rows of whom a viewer unfollowed are deleted behind it, a minute later, and nobody else’s', async () => {
  await unfollow(authors[0])
  expect(await cleanNext(db), 'a chunk may be under way').toBe(0)
  await clean()
  expect([await rowsOf(authors[0]), await rowsOf(authors[1]), await owed()]).toEqual([0, 1, 0])
})

test('a block is cleaned for both, and a viewer who went dormant has nothing to be cleaned', async () => {
  const [one, two] = authors
  await db.transaction((tx) => insertBlock(tx, two, viewer))
  await clean()
  expect([await rowsOf(one), await rowsOf(two)]).toEqual([1, 0])
  await db.execute(sql`update viewers set last_active_at = now() - interval '40 days' where viewer_id = ${viewer}`)
  await db.transaction((tx) => retireViewers(tx, 30, 10))
  await unfollow(one)
  expect(await owed()).toBe(0)
})

test('who follows again before the cleanup keeps every row; without the look at the follow they would lose them', async () => {
  const [author] = authors
  await unfollow(author)
  await follow(author)
  await clean()
  expect([await rowsOf(author), await owed()]).toEqual([1, 0])
  // The negative twin.
  await unfollow(author)
  await follow(author)
  await db.execute(sql`
    with owed as (delete from cleanups where viewer_id = ${viewer} returning *)
    delete from timeline_entries t using owed where t.viewer_id = owed.viewer_id and t.author_id = owed.author_id`)
  expect(await rowsOf(author)).toBe(0)
})

test('a follow that is about to commit is waited for, and seen', async () => {
  const [author] = authors
  await unfollow(author)
  await makeDue()
  const commits = await holdCommits(database.url, 'insert on follows')
  const following = follow(author)
  await commits.waiting()
  const cleaning = cleanNext(db)
  await untilOneWaits()
  await commits.release()
  await Promise.all([following, cleaning])
  expect([await rowsOf(author), await owed()]).toEqual([1, 0])
})

test('a cleanup that is about to commit is waited for, and its rows come back with the follow; one that looked before it locked would take them', async () => {
  const [author] = authors
  await unfollow(author)
  await makeDue()
  const commits = await holdCommits(database.url, 'delete on cleanups')
  const cleaning = cleanNext(db)
  await commits.waiting()
  const following = follow(author)
  await untilOneWaits()
  await commits.release()
  await Promise.all([cleaning, following])
  expect(await rowsOf(author)).toBe(1)
  // The negative twin: it looks, the follow comes and goes through, it deletes.
  await unfollow(author)
  const looked = await db.execute<{ viewer_id: bigint; author_id: bigint }>(sql`
    select * from cleanups c where not exists (select from follows where follower_id = c.viewer_id and followee_id = c.author_id)`)
  await follow(author)
  for (const row of looked)
    await db.execute(sql`delete from timeline_entries where viewer_id = ${row.viewer_id} and author_id = ${row.author_id}`)
  expect(await rowsOf(author)).toBe(0)
})

test('a process that dies with cleanups leaves them to any other', async () => {
  await unfollow(authors[0])
  await makeDue()
  expect(await takeCleanups(db, 10)).toHaveLength(1)
  expect(await cleanNext(db), 'held for a while').toBe(0)
  await clean()
  expect([await rowsOf(authors[0]), await owed()]).toEqual([0, 0])
})

/** One of all that happens to these rows, as a transaction of its own. */
type Act = 'follow' | 'settle' | 'unfollow' | 'post' | 'clean'
const acts = fc.constantFrom<Act>('follow', 'settle', 'unfollow', 'post', 'clean', 'unfollow', 'follow')

async function act(what: Act, author: bigint, cleaner: () => Promise<unknown>): Promise<void> {
  if (what === 'follow') await db.transaction((tx) => insertFollow(tx, viewer, author))
  else if (what === 'settle') await settle(author)
  else if (what === 'unfollow') await unfollow(author)
  else if (what === 'post') await post(author)
  else {
    await makeDue()
    await cleaner()
  }
}

/** What stands of the followees and no row holds, though the timeline calls itself complete there. */
const missing = (tx: Queryable) =>
  tx.execute(sql`
    select p.id from posts p join follows on follower_id = ${viewer} and followee_id = p.author_id join viewers v on v.viewer_id = follower_id
    where p.id > v.complete_since and not exists (select from timeline_entries t where t.viewer_id = v.viewer_id and t.activity_id = p.id)`)

/** Pairs of acts at once, then all that is owed, and the cleanups once more. */
async function liveThrough(days: readonly (readonly [Act, Act, 0 | 1])[], cleaner: () => Promise<unknown>): Promise<void> {
  await newPeople()
  for (const [one, other, place] of days) await Promise.all([one, other].map((what) => act(what, authors[place], cleaner)))
  await fanOut()
  for (const author of authors) await settle(author)
  expect(await missing(db)).toEqual([])
  await clean()
  expect(await missing(db)).toEqual([])
  for (const author of authors) {
    const [tie] = await db.execute(sql`select 1 from follows where follower_id = ${viewer} and followee_id = ${author}`)
    if (!tie) expect(await rowsOf(author), 'of an author who is not followed').toBe(0)
  }
}
const days = fc.array(fc.tuple(acts, acts, fc.constantFrom<0 | 1>(0, 1)), { minLength: 3, maxLength: 8 })

test(`whatever comes at once with a cleanup, no row that should be there is lost (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(days, (story) => liveThrough(story, () => cleanNext(db))),
    { seed: SEED, numRuns: 6 },
  )
})

test('a cleanup that does not look at the follows is found out by such a story', async () => {
  const careless = () =>
    db.execute(sql`
      with owed as (delete from cleanups returning *)
      delete from timeline_entries t using owed where t.viewer_id = owed.viewer_id and t.author_id = owed.author_id`)
  const story = [
    ['unfollow', 'post', 0],
    ['follow', 'post', 0],
    ['settle', 'settle', 0],
    ['clean', 'post', 0],
  ] as const
  await liveThrough(story, () => cleanNext(db))
  await expect(liveThrough(story, careless)).rejects.toThrow(/to deeply equal \[\]/)
})
