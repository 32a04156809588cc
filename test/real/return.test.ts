import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { enrol, findViewers, NOT_REBUILT, rebuild, timelineOf, unwrittenTimelineOf } from '../../origin/db/timelines.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { createRebuilds } from '../../origin/timelines/rebuild.ts'
import { writePast } from '../support/activity.ts'
import { eventually } from '../support/eventually.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

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
