import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { deleteAccount, setPrivate } from '../../origin/db/accounts.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { accountsOf, timelineFacts } from '../../origin/db/consistency-facts.ts'
import { endSweep, takeSweep } from '../../origin/db/sweeps.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { eventually } from '../support/eventually.ts'
import { type L2, PREFIX, startL2 } from '../support/l2.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { makeSweepsDue, startSweeper as sweeperOf, unfinishedSweeps } from '../support/sweeper.ts'

/** More than two steps of a sweep. */
const POSTS = 1_100
const FIRST_ID = 1_600_000_000_000_000_000n

let database: TestDatabase
let connection: Connection
let l2: L2
beforeAll(async () => {
  ;[database, l2] = await Promise.all([createDatabase(inject('postgresUrl')), startL2()])
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 10_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await l2?.stop()
  await database?.drop()
})
beforeEach(async () => {
  await l2.redis.flush()
  await connection.db.execute(sql`delete from sweeps`)
})

const startSweeper = (machineId = 1) => sweeperOf(connection.db, l2, machineId)

let posted = 0n
/** An author with many posts, whose bodies are in L2 as their readers left them there. */
async function authorOf(count: number) {
  const { db } = connection
  const [authorId = '', otherId = ''] = await makeUsers(db, 2)
  const first = FIRST_ID + posted
  posted += BigInt(count)
  await db.execute(sql`
    insert into posts (id, author_id, text, mode) select ${first}::bigint + n, ${authorId}::bigint, 'a post', 'push' from generate_series(0, ${count - 1}) n`)
  const ids = Array.from({ length: count }, (_, i) => String(first + BigInt(i)))
  const keys = ids.flatMap((id) => [keyOf.post(id, 'public'), keyOf.post(id, 'followers')])
  return {
    id: BigInt(authorId),
    otherId,
    ids,
    keys,
    /** Stores what the origin loads now, or loaded a moment ago. */
    async fill(values?: Awaited<ReturnType<typeof loadKeys>>) {
      const say = l2.speak()
      for (const { key, truth, payload } of values ?? (await this.loads())) {
        await say.lease(key, 1)
        await say.fillText(key, 1, { truth, payload })
      }
    },
    loads: () => loadKeys(db, keys.slice(0, 1_000)),
    async stored(): Promise<number> {
      return (await l2.client.mget<(string | null)[]>(keys.map((key) => PREFIX + key))).filter((text) => text !== null).length
    },
    setPrivate: (value: boolean) => db.transaction((tx) => setPrivate(tx, BigInt(authorId), value)),
  }
}
const due = () => makeSweepsDue(connection.db)
const left = () => unfinishedSweeps(connection.db)
/** Nobody takes any sweep sooner. */
const heldUntil = async (moment: SQL): Promise<boolean> =>
  (await connection.db.execute(sql`select 1 from sweeps where due_at < ${moment}`)).length === 0

test('an account that goes private, or opens again, takes the bodies of its posts out of L2, and no newer ones', async () => {
  const author = await authorOf(4)
  for (const value of [true, false]) {
    await author.fill()
    expect(await author.stored()).toBe(8)
    await author.setPrivate(value)
    await startSweeper().toTheEnd()
    expect(await author.stored()).toBe(0)
    expect(await left()).toBe(0)
  }
  // What was loaded after the change stays: a sweep that is repeated takes nothing away that is true.
  await author.fill()
  await due()
  await connection.db.execute(sql`update sweeps set below_post = 9223372036854775807, due_at = now()`)
  await startSweeper().toTheEnd()
  expect(await author.stored()).toBe(8)
})

test('a load that began before the change cannot put a body back after the sweep', async () => {
  const author = await authorOf(1)
  const [key = ''] = author.keys
  const [old] = await author.loads()
  const say = l2.speak()
  expect((await say.lease(key, 1)).state).toBe('granted')
  await author.setPrivate(true)
  await startSweeper().toTheEnd()
  expect(await say.fillText(key, 1, { truth: old?.truth ?? 0, payload: old?.payload ?? null })).toBeUndefined()
  expect(await author.stored()).toBe(0)
})

test('a sweep goes newest first, and any process goes on where one died or Redis did not answer', async () => {
  const author = await authorOf(POSTS)
  const oldest = author.keys.slice(0, 20)
  const say = l2.speak()
  for (const { key, truth, payload } of await loadKeys(connection.db, [...oldest, ...author.keys.slice(-20)])) {
    await say.lease(key, 1)
    await say.fillText(key, 1, { truth, payload })
  }
  await author.setPrivate(true)
  await l2.redis.kill()
  const [before] = await connection.db.execute<{ at: string }>(sql`select clock_timestamp()::text as at`)
  await expect(startSweeper(1).step()).rejects.toThrow()
  expect(await heldUntil(sql`${before?.at}::timestamptz + interval '5 seconds'`), 'held for a while').toBe(true)
  await connection.db.execute(sql`update sweeps set due_at = due_at + interval '1 hour'`) // however slow this machine is
  expect(await startSweeper(2).step()).toBe(0)
  await l2.redis.restart()
  await eventually(() => l2.client.ping())
  for (const { key, truth, payload } of await loadKeys(connection.db, [...oldest, ...author.keys.slice(-20)])) {
    await say.lease(key, 1)
    await say.fillText(key, 1, { truth: truth - 1, payload }) // as it was before
  }
  await due()
  expect(await startSweeper(2).step()).toBe(1)
  expect(await author.stored(), 'the oldest are still there').toBe(20)
  await startSweeper(3).toTheEnd()
  expect(await author.stored()).toBe(0)
})

test('a change during a sweep begins it anew: the end of the old one does not end it', async () => {
  const author = await authorOf(1)
  await author.setPrivate(true)
  const old = await takeSweep(connection.db)
  await author.setPrivate(false)
  if (old) await endSweep(connection.db, old)
  expect(await left()).toBe(1)
  // The negative twin: where nothing changed meanwhile, it does.
  const now = await takeSweep(connection.db)
  if (now) await endSweep(connection.db, now)
  expect(await left()).toBe(0)
})

test('a Redis that comes back with bodies from before a sweep is swept again', async () => {
  const author = await authorOf(2)
  const sweeper = startSweeper(4)
  await sweeper.heartbeat.beat()
  await author.fill()
  await l2.redis.save()
  await author.setPrivate(true)
  await sweeper.toTheEnd()
  await sweeper.heartbeat.beat()
  expect(await author.stored()).toBe(0)
  await l2.redis.restart()
  await eventually(() => l2.client.ping())
  expect(await author.stored(), 'the snapshot has them').toBe(4)
  await sweeper.heartbeat.beat()
  await sweeper.toTheEnd()
  expect(await author.stored()).toBe(0)
})

test('the monitor covers a body by a sweep only while that goes on', async () => {
  const author = await authorOf(1)
  const swept = async () => (await accountsOf(connection.db, author.ids)).map((account) => account.swept)
  await author.setPrivate(true)
  expect(await swept()).toEqual([false])
  await startSweeper().toTheEnd()
  expect(await swept()).toEqual([true])
})

test('a deleted account loses its posts in L2 first, then its follows both ways and its rows', async () => {
  const { db } = connection
  const author = await authorOf(2)
  await makeFollows(db, [
    [author.otherId, String(author.id)],
    [String(author.id), author.otherId],
  ])
  await db.execute(sql`insert into timeline_entries values (${author.id}, ${author.ids[0]}, ${author.id})`)
  await db.execute(sql`update viewers set enrolled_at = now() where viewer_id = ${author.otherId}`)
  await author.fill()
  await db.transaction((tx) => deleteAccount(tx, author.id))
  await startSweeper().toTheEnd()
  expect(await author.stored()).toBe(0)
  expect(await db.execute(sql`select 1 from timeline_entries where viewer_id = ${author.id}`)).toHaveLength(0)
  // Its entries stay in the timelines of others, where readers take no notice of them. The negative twin: one of nobody they follow.
  const held = { since: '0', activityIds: author.ids, actorIds: author.ids.map(() => String(author.id)) }
  expect((await timelineFacts(db, author.otherId, held, 800))?.strangers).toEqual([])
  const [stranger = ''] = await makeUsers(db, 1)
  expect((await timelineFacts(db, author.otherId, { ...held, actorIds: [stranger, stranger] }, 800))?.strangers.toSorted()).toEqual(
    author.ids,
  )
  expect(await db.execute(sql`select 1 from follows where ${author.id} in (follower_id, followee_id)`)).toHaveLength(0)
  const [other] = await db.execute<{ follower_count: number }>(sql`select follower_count from authors where author_id = ${author.otherId}`)
  expect(other?.follower_count).toBe(0)
  expect(await left()).toBe(0)
})
