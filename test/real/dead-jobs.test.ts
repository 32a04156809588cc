import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect } from '../../origin/db/client.ts'
import { replayDeadJobs } from '../../origin/db/dead-jobs.ts'
import { turnsOf } from '../../origin/db/jobs.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { runDevCommand } from '../support/command.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

const run = (...args: string[]) => runDevCommand('dead-jobs', args, { DATABASE_URL: database.url })

test('npm run dead-jobs lists what died and why, replays one from where it stopped, and drops the rest', async () => {
  const { db } = connection
  await db.execute(sql`
    insert into dead_jobs (activity_id, author_id, mode, lane, after_viewer, attempts, queued_at, error)
    select 2000000000000000000 + i, 1000000000000000000, 'push', 1, 77, 12, now(), 'what Postgres said' from generate_series(1, 3) i`)
  const [listed, unknown] = await Promise.all([run(), run('--drop', '7')])
  const replayed = await run('--replay', '2000000000000000002')
  expect(listed).toMatchObject({ code: 0, output: expect.stringMatching(/2000000000000000003 .* 12 +what Postgres said/) })
  expect(replayed).toEqual({ code: 0, output: 'replayed 1\n' })
  expect(unknown).toEqual({ code: 1, output: 'dropped 0\nno job of activity 7 is dead\n' })
  expect(
    await db.execute(sql`select activity_id::text, after_viewer::int, lane, attempts, run_at <= now() as due from fanout_jobs`),
  ).toMatchObject([{ activity_id: '2000000000000000002', after_viewer: 77, lane: 1, attempts: 0, due: true }])
  expect(await run('--drop', 'all')).toEqual({ code: 0, output: 'dropped 2\n' })
}, 120_000)

test('dead jobs of one author that are replayed let a new post of another in between', async () => {
  const { db } = connection
  const [author = '', other = ''] = await makeUsers(db, 2)
  await db.execute(sql`truncate fanout_jobs`)
  await db.execute(sql`
    insert into dead_jobs (activity_id, author_id, mode, lane, after_viewer, attempts, queued_at, error)
    select i, ${author}::bigint, 'push', 0, 0, 12, now(), 'ill' from generate_series(2000000000000000001, 2000000000000000020) i`)
  expect(await replayDeadJobs(db, 'all')).toBe(20)
  const turns = await turnsOf(db)
  await db.transaction((tx) =>
    insertActivity(tx, { id: 2_000_000_000_000_000_021n, authorId: BigInt(other), text: 'x', root: null }, { turns }),
  )
  const order = await db.execute<{ id: number }>(
    sql`select (activity_id % 1000)::int as id from fanout_jobs order by turn_at, activity_id limit 3`,
  )
  expect(order.map(({ id }) => id)).toEqual([1, 21, 2])
})

test('it refuses in one line what it cannot do', async () => {
  const refused = await Promise.all([run('--replay', 'x'), run('--replay', 'all', '--drop', 'all')])
  for (const { code, output } of refused) expect([code, output.trim().split('\n').length]).toEqual([2, 1])
}, 120_000)
