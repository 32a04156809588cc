import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { type Connection, connect, type Database, idArray } from '../../origin/db/client.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { rebuild, unwrittenTimelineOf } from '../../origin/db/rebuilds.ts'
import { timelineOf } from '../../origin/db/timelines.ts'
import { enrol, findViewers, NOT_REBUILT } from '../../origin/db/viewers.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { createRebuilds } from '../../origin/timelines/rebuild.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { mulberry32 } from '../support/random.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

let database: TestDatabase
let connection: Connection
let db: Database
let authors: string[] = []
let nextId = 2_200_000_000_000_000_000n

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 10_000, applicationName: 'test' })
  db = connection.db
  authors = await makeUsers(db, 30)
  await db.execute(sql`update authors set route = 'pull', candidate_since = now() where author_id = ${authors[0]}`)
  await writePast(db, authors, { seed: SEED, posts: 400, reposts: 0.2, deleted: 0.1, spanMs: 90 * 86_400_000 })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

/** A reader who follows the first of the authors, and has never read. */
async function reader(followees: number): Promise<string> {
  const [id = ''] = await makeUsers(db, 1)
  await makeFollows(
    db,
    authors.slice(0, followees).map((author) => [id, author] as const),
  )
  return id
}
const viewerOf = async (id: string) => (await findViewers(db, [id]))[0]
async function loaded(id: string, rebuildLater?: (viewerId: bigint) => void) {
  const [value] = await loadKeys(db, [keyOf.timeline(id)], rebuildLater)
  return decodeList(value?.payload ?? '', TIMELINE_CAP)
}
const post = async (authorId: string): Promise<string> => {
  await db.transaction((tx) => insertActivity(tx, { id: ++nextId, authorId: BigInt(authorId), text: 'x', root: null }))
  return String(nextId)
}
async function fanOut(): Promise<void> {
  const worker = fanoutWorker(db)
  await worker.drain(new AbortController().signal)
}

test.each([
  [30, 5],
  [30, 50],
  [30, 800],
  [3, 50],
  [1, 50],
  [0, 50],
])('who follows %i and returns is answered from the posts what the rows would say, %i at most', async (followees, cap) => {
  const id = await reader(followees)
  await db.transaction((tx) => enrol(tx, BigInt(id)))
  const unwritten = await unwrittenTimelineOf(db, BigInt(id), cap)
  await db.transaction((tx) => rebuild(tx, BigInt(id), cap))
  const written = await viewerOf(id)
  expect(unwritten.completeSince).toBe(written?.completeSince)
  expect(unwritten.entries).toEqual(await timelineOf(db, BigInt(id), unwritten.completeSince, cap + 1, []))
  const [standing] = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from posts join follows on followee_id = author_id
    where follower_id = ${id} and deleted_at is null and mode = 'push'`)
  expect(unwritten.entries.length).toBe(Math.min(cap, standing?.count ?? 0))
})

test('whatever was deleted or pulled, the answer and the rows are the newest that stand, and all of them', async () => {
  const random = mulberry32(SEED)
  const below = (n: number) => Math.floor(random() * n)
  const people = await makeUsers(db, 60)
  const start = nextId
  nextId += 1_000_000_000_000_000n
  // Few post much, some in the same millisecond, some not for long; of many the newest are gone.
  const posts = people.flatMap((author, i) =>
    Array.from({ length: i % 7 === 0 ? 120 : below(8) }, () => ({
      id: start + (BigInt(below(20_000)) << 22n) * BigInt(i % 5 === 0 ? 1 : 2_000) + BigInt(below(4) * 4_096 + i),
      author,
      mode: random() < 0.2 ? 'pull' : 'push',
    })),
  )
  const unique = [...new Map(posts.map((post) => [post.id, post])).values()]
  const newest = new Set(
    people.flatMap((author) =>
      unique
        .filter((post) => post.author === author)
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, 2),
    ),
  )
  const rows = unique.map((post) => {
    const gone = random() < (newest.has(post) ? 0.5 : 0.05)
    return sql`(${post.id}::bigint, ${post.author}::bigint, 'x', ${post.mode}, ${gone ? sql`now()` : null}::timestamptz)`
  })
  await db.execute(sql`insert into posts (id, author_id, text, mode, deleted_at) values ${sql.join(rows, sql`, `)}`)
  await db.execute(sql`
    update authors a set last_post_id = (select coalesce(max(id), 0) from posts where author_id = a.author_id),
      route = (array['push', 'pull', 'announced', 'demoted'])[1 + author_id % 4] where author_id = any(${idArray(people)})`)
  await db.execute(sql`update users set suspended_at = now() where id = any(${idArray(people.slice(0, 5))})`)

  for (let i = 0; i < 25; i++) {
    const [id = ''] = await makeUsers(db, 1)
    const followees = people.filter(() => random() < ([0.02, 0.2, 1][i % 3] ?? 1))
    await makeFollows(
      db,
      followees.map((author) => [id, author] as const),
    )
    const cap = [1, 5, 30, 60, 200, 5_000][below(6)] ?? 1
    await db.transaction((tx) => enrol(tx, BigInt(id)))
    const standing = await db.execute<{ id: bigint }>(sql`
      select id from posts join authors using (author_id) where author_id = any(${idArray(followees)}) and deleted_at is null
        and (mode = 'push' or route <> 'pull') order by id desc`)
    const expected = standing.slice(0, cap).map((post) => String(post.id))
    const completeSince = standing.length < cap ? 0n : BigInt(expected.at(-1) ?? 0) - 1n
    const said = `seed ${SEED}, reader ${i} of ${followees.length}, ${cap} at most`
    const unwritten = await unwrittenTimelineOf(db, BigInt(id), cap)
    expect(
      unwritten.entries.map(({ activityId }) => activityId),
      said,
    ).toEqual(expected)
    expect(unwritten.completeSince, said).toBe(completeSince)
    await db.transaction((tx) => rebuild(tx, BigInt(id), cap))
    const written = await db.execute<{ activity_id: bigint }>(sql`
      select activity_id from timeline_entries where viewer_id = ${id} order by activity_id desc`)
    expect(
      written.map((row) => String(row.activity_id)),
      said,
    ).toEqual(expected)
    expect((await viewerOf(id))?.completeSince, said).toBe(completeSince)
  }
})

test('the rows of who returned are written behind the answer; until then each load reads the posts', async () => {
  const id = await reader(20)
  const told: bigint[] = []
  const first = await loaded(id, (viewerId) => told.push(viewerId))
  expect(told).toEqual([BigInt(id)])
  expect((await viewerOf(id))?.completeSince).toBe(NOT_REBUILT)
  const [, , followee = ''] = authors
  const meanwhile = await post(followee)
  await fanOut() // inserts a row that the rebuild must not lose
  const second = await loaded(id)
  expect(second?.entries.map(({ activityId }) => activityId)).toEqual([
    meanwhile,
    ...(first?.entries.map(({ activityId }) => activityId) ?? []),
  ])

  const rebuilds = createRebuilds(db, ({ error }) => expect(error).toBeUndefined())
  rebuilds.later(BigInt(id))
  rebuilds.later(BigInt(id))
  await eventually(async () => expect((await viewerOf(id))?.completeSince).not.toBe(NOT_REBUILT))
  await rebuilds.close()
  const third = await loaded(id, () => expect.unreachable('nothing is left to be written'))
  expect(third).toEqual(second)
})

test('what was written is not written again: a rebuild that comes late takes nothing back', async () => {
  const id = await reader(3)
  await loaded(id)
  await db.transaction((tx) => rebuild(tx, BigInt(id), 5))
  const before = await viewerOf(id)
  await db.transaction((tx) => rebuild(tx, BigInt(id), 800))
  expect(await viewerOf(id)).toEqual(before)
})

test('a deleted newest post makes the cut fall short, and it is done without', async () => {
  const id = await reader(30)
  const [, author = ''] = authors
  await db.transaction((tx) => enrol(tx, BigInt(id)))
  const { entries } = await unwrittenTimelineOf(db, BigInt(id), 10)
  const deleted = await post(author)
  await db.transaction((tx) => deleteActivity(tx, BigInt(deleted), BigInt(author)))
  expect((await unwrittenTimelineOf(db, BigInt(id), 10)).entries).toEqual(entries)
})

test('the answer says who may see each line, and leaves out accounts that are gone', async () => {
  const [open = '', closed = '', gone = '', id = ''] = await makeUsers(db, 4)
  await makeFollows(
    db,
    [open, closed, gone].map((author) => [id, author] as const),
  )
  const all = await post(open)
  const followers = await post(open)
  await db.execute(sql`update posts set audience = 'followers' where id = ${followers}`)
  const hidden = await post(closed)
  await post(gone)
  await db.transaction((tx) =>
    insertActivity(tx, { id: ++nextId, authorId: BigInt(open), text: null, root: { id: BigInt(all), authorId: BigInt(open) } }),
  )
  await db.execute(
    sql`update users set private = id = ${closed}, deleted_at = case when id = ${gone} then now() end where id in (${closed}, ${gone})`,
  )
  await db.transaction((tx) => enrol(tx, BigInt(id)))
  expect((await unwrittenTimelineOf(db, BigInt(id), 4)).entries).toEqual([
    { activityId: String(nextId), actorId: open, audience: 'public', root: { id: all, authorId: open } },
    { activityId: hidden, actorId: closed, audience: 'followers' },
    { activityId: followers, actorId: open, audience: 'followers' },
  ])
})
