import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { insertBlock } from '../../origin/db/blocks.ts'
import { takeUnpushed } from '../../origin/db/chunks.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { insertFollow } from '../../origin/db/follows.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { timelineOf } from '../../origin/db/timelines.ts'
import { putUser } from '../../origin/db/users.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { enrolAndRebuild } from '../support/returning.ts'

let database: TestDatabase
let connection: Connection
let nextId = 2_100_000_000_000_000_000n

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 10_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

const post = (authorId: string) =>
  connection.db.transaction((tx) => insertActivity(tx, { id: ++nextId, authorId: BigInt(authorId), text: 'x', root: null }))

test('small authors who post all the time do not keep a big one waiting, nor the other way round', async () => {
  const { db } = connection
  const [small = '', big = ''] = await makeUsers(db, 2)
  await db.execute(sql`update authors set follower_count = 1000000 where author_id = ${big}`)
  await post(big)
  await post(small)
  const order: string[] = []
  const worker = fanoutWorker(db, {
    // As soon as something is delivered, the small author posts again.
    async push(chunks) {
      order.push(...chunks.map(({ entry }) => entry.actorId))
      if (order.length < 20) await post(small)
    },
    observe: (event) => expect(event.type).toBe('fanout-chunks'),
  })
  await worker.drain(new AbortController().signal)
  expect(order.indexOf(big)).toBeGreaterThanOrEqual(0)
  expect(order.indexOf(big)).toBeLessThan(3)
})

test('a profile changes while its user posts and follows: nobody waits for anybody in a circle', async () => {
  const { db } = connection
  const [user = '', ...others] = await makeUsers(db, 30)
  const profile = (i: number) =>
    db.transaction((tx) => putUser(tx, { id: BigInt(user), handle: `user-${user}${i % 2 ? '-x' : ''}`, name: `Name ${i}` }))
  const rounds = others.map(async (other, i) => {
    await Promise.all([
      post(user),
      profile(i),
      db.transaction((tx) => insertFollow(tx, BigInt(user), BigInt(other))),
      db.transaction((tx) => insertFollow(tx, BigInt(other), BigInt(user))),
    ])
  })
  await Promise.all(rounds)
  const [row] = await db.execute<{ version: bigint; posts: bigint }>(sql`
    select version, (select count(*) from posts where author_id = ${user}) as posts from users where id = ${user}`)
  expect(row).toEqual({ version: 30n, posts: 29n })
})

test('a chunk that was cut before a block and is pushed after it, as a debt, goes only to those who follow still', async () => {
  const { db } = connection
  const [author = '', blocked = '', other = ''] = await makeUsers(db, 3)
  const follow = (id: string) => db.transaction((tx) => insertFollow(tx, BigInt(id), BigInt(author)))
  for (const id of [blocked, other]) {
    await follow(id)
    await enrolAndRebuild(db, BigInt(id))
  }
  await post(author)
  const push = () => Promise.reject(new Error('the process dies here'))
  await fanoutWorker(db, { push }).drain(new AbortController().signal)
  const viewersOf = async () => {
    await db.execute(sql`update fanout_chunks set due_at = now() where author_id = ${author}`)
    return (await takeUnpushed(db, 1_000)).filter(({ entry }) => entry.actorId === author).map(({ viewers }) => viewers)
  }
  expect(await viewersOf()).toEqual([blocked + other])
  await db.transaction((tx) => insertBlock(tx, BigInt(author), BigInt(blocked)))
  expect(await viewersOf()).toEqual([other])
  // The row that was cut for them is not in what they load, either.
  const rows = await db.execute(sql`select 1 from timeline_entries where viewer_id = ${blocked}`)
  expect([rows.length, await timelineOf(db, BigInt(blocked), 0n, 10, [])]).toEqual([1, []])
})
