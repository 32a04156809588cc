import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { type Connection, connect, prepared } from '../../origin/db/client.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { makePosts } from '../support/activity.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let keeping: Connection
let forgetting: Connection
let keys: string[] = []

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  const options = { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'test' }
  keeping = connect(database.url, options)
  forgetting = connect(database.url, { ...options, prepare: false })
  const [reader = '', author = ''] = await makeUsers(keeping.db, 2)
  await makePosts(keeping.db, [{ id: 2_200_000_000_000_000_000n, authorId: author, text: 'x' }])
  await makeFollows(keeping.db, [[reader, author]])
  keys = [
    keyOf.timeline(reader),
    keyOf.viewer(reader),
    keyOf.user(author),
    keyOf.author(author, 'public'),
    keyOf.post('2200000000000000000', 'public'),
  ]
})
afterAll(async () => {
  await Promise.all([keeping?.close(), forgetting?.close()])
  await database?.drop()
})

/** Runs of the statements that this connection keeps, by their texts. */
async function kept({ db }: Connection): Promise<Map<string, number>> {
  const rows = await db.execute<{ statement: string; runs: bigint }>(sql`
    select statement, generic_plans + custom_plans as runs from pg_prepared_statements where statement like '/* prepared */%'`)
  return new Map(rows.map(({ statement, runs }) => [statement, Number(runs)]))
}

test('the statements of loads are planned once per connection, however often they run', async () => {
  await loadKeys(keeping.db, keys) // the reader is enrolled by the first one
  const first = await loadKeys(keeping.db, keys)
  const before = await kept(keeping)
  for (let i = 0; i < 9; i++) await loadKeys(keeping.db, keys)
  const after = await kept(keeping)
  expect(before.size).toBeGreaterThan(5)
  expect(after.size).toBe(before.size)
  expect(Math.max(...after.values())).toBeGreaterThanOrEqual(10)
  expect(await loadKeys(keeping.db, keys)).toEqual(first)
})

test('where connections are shared none is kept, and all is answered alike', async () => {
  expect(await loadKeys(forgetting.db, keys)).toEqual(await loadKeys(keeping.db, keys))
  expect((await kept(forgetting)).size).toBe(0)
})

test('texts without end fill no memory', async () => {
  for (let i = 0; i < 210; i++) await prepared(keeping.db).execute(sql`select ${sql.raw(String(i))}::integer + ${1}::integer`)
  expect((await kept(keeping)).size).toBeLessThanOrEqual(200)
})

test('what is not asked for is not kept, in a transaction neither', async () => {
  const { size } = await kept(keeping)
  await keeping.db.transaction(async (tx) => {
    await tx.execute(sql`select ${7}::integer`)
    await tx.transaction((inner) => inner.execute(sql`select ${8}::integer`))
  })
  expect((await kept(keeping)).size).toBe(size)
})
