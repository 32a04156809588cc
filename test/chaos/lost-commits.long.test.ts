import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstIdAt } from '../../contract/ids.ts'
import { pageSchema } from '../../contract/post.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { createDelivery } from '../../origin/fanout/deliver.ts'
import { createHeartbeat } from '../../origin/fanout/heartbeat.ts'
import { clock } from '../../origin/wiring.ts'
import { eventually } from '../support/eventually.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { timelinesInL2 } from '../support/values-in-l2.ts'

/** Posts that are delivered before a crash: now and then what was not waited for is on the disk all the same. */
const ATTEMPTS = 5
const MACHINE = 1_000

let server: TestPostgres
let stack: Stack

beforeAll(async () => {
  // Only a commit that waits for it brings the log to the disk, or ten seconds.
  server = await startTestPostgres({ fsync: 'off', synchronous_commit: 'on', wal_writer_delay: '10s', autovacuum: 'off' })
  stack = await startStack({ postgresUrl: server.adminUrl })
}, 120_000)
afterAll(async () => {
  await stack?.stop()
  await server?.stop()
})

const count = async (rows: ReturnType<typeof sql>): Promise<number> =>
  (await stack.db.execute<{ count: number }>(sql`select count(*)::int as count from ${rows}`))[0]?.count ?? -1
const rowsOf = (id: string) => count(sql`timeline_entries where activity_id = ${id}`)
const pushedOf = (id: string) => count(sql`fanout_chunks where activity_id = ${id} and pushed_at is not null`)

/** Kills a process of the server, which takes down all others and what they had in memory, and waits until it has recovered. */
async function crash(): Promise<void> {
  const victim = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} })
  const [row] = await victim<{ pid: number }[]>`select pg_backend_pid() as pid`
  process.kill(row?.pid ?? 0, 'SIGKILL')
  await victim.end({ timeout: 1 })
  await eventually(() => count(sql`users`), 30_000)
}

/** Posts, and delivers it by a worker of our own. The post is on the disk; its rows, its chunk and that it was pushed need not be. */
async function postAndDeliver(authorId: string, id: bigint): Promise<void> {
  const timeoutSignal = (ms: number) => AbortSignal.timeout(ms)
  const l2 = createL2({ url: stack.l2Url, token: stack.l2Token, prefix: 'tideline:', deadlineMs: 5_000, timeoutSignal })
  const heartbeat = createHeartbeat({ db: stack.db, l2, machineId: () => MACHINE, observe: () => {} })
  const delivery = createDelivery({ db: stack.db, l2, heartbeat, clock })
  await stack.db.transaction((tx) => insertActivity(tx, { id, authorId: BigInt(authorId), text: 'a post', root: null }))
  await fanoutWorker(stack.db, { delivery }).drain(new AbortController().signal)
}

test('a crash of Postgres takes back what fan-out did not wait for, all of it, and it is done again: nothing lost, nothing doubled', async () => {
  const [authorId = '', ...readerIds] = await makeUsers(stack.db, 4)
  await makeFollows(
    stack.db,
    readerIds.map((readerId) => [readerId, authorId] as const),
  )
  const readers = await Promise.all(readerIds.map((id) => stack.client(id)))
  const feedOf = async (reader: (typeof readers)[number]): Promise<string[]> => {
    const response = await reader.fetch('/v1/feed/following')
    expect(response.status).toBe(200)
    return pageSchema.parse(await response.json()).posts.map((post) => post.id)
  }
  for (const reader of readers) expect(await feedOf(reader)).toEqual([])
  await eventually(async () => expect(await timelinesInL2(stack, readerIds)).toEqual([[], [], []]))
  await stack.stopOrigin()

  const newestFirst: string[] = []
  let takenBack = false
  for (let attempt = 0; attempt < ATTEMPTS && !takenBack; attempt++) {
    const id = firstIdAt(Date.now())
    await postAndDeliver(authorId, id)
    newestFirst.unshift(String(id))
    expect([await rowsOf(String(id)), await pushedOf(String(id))]).toEqual([3, 1])
    await crash()
    const [rows, pushed] = [await rowsOf(String(id)), await pushedOf(String(id))]
    takenBack = rows === 0
    expect([rows, pushed, await count(sql`fanout_jobs where activity_id = ${id}`)]).toEqual(takenBack ? [0, 0, 1] : [3, 1, 0])
    expect(await count(sql`posts where id = ${id}`)).toBe(1)
  }
  expect(takenBack).toBe(true)
  const [newest = ''] = newestFirst
  // Redis got ahead of Postgres, with what is true.
  expect((await timelinesInL2(stack, readerIds)).map((ids) => ids?.[0])).toEqual([newest, newest, newest])

  await stack.startOrigin()
  await eventually(async () => expect([await rowsOf(newest), await pushedOf(newest)]).toEqual([3, 1]), 20_000)
  for (const reader of readers) await eventually(async () => expect(await feedOf(reader)).toEqual(newestFirst))
  expect(await count(sql`fanout_jobs`)).toBe(0)
}, 120_000)
