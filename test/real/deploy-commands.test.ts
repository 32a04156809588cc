import { Redis } from '@upstash/redis'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { createUpstashFacade } from '../../dev/upstash-facade.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { migrate } from '../../origin/db/migrations.ts'
import { knownMigrations, MIGRATIONS } from '../../origin/migrations.ts'
import { runDevCommand } from '../support/command.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const TOKEN = 'a-token'
const known = knownMigrations().map(({ tag }) => tag)
let database: TestDatabase
let connection: Connection
let redis: TestRedis
beforeAll(async () => {
  ;[database, redis] = await Promise.all([createDatabase(inject('postgresUrl')), startRedis()])
  connection = connect(database.url, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await Promise.all([database?.drop(), redis?.stop()])
})

beforeEach(async () => {
  for (const schema of ['public', 'drizzle']) await connection.db.execute(sql.raw(`drop schema if exists ${schema} cascade`))
  await connection.db.execute(sql`create schema public`)
})

test('of migrations that run at once one does the work, and all find the database up to date', async () => {
  const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url, MIGRATIONS)))
  expect(applied.map(({ length }) => length).sort()).toEqual([0, 0, 0, known.length])
  const rows = await connection.db.execute(sql`select 1 from drizzle.__drizzle_migrations`)
  expect(rows).toHaveLength(known.length)
})

test('migrate --status ends with 1 while something is pending, and migrate says what it applied', async () => {
  const command = (...args: string[]) => runDevCommand('migrate', ['--database-url', database.url, ...args])
  expect(await command('--status')).toEqual({
    code: 1,
    output: expect.stringMatching(new RegExp(`^the database .*\\n${known.map((name) => `pending  ${name}\\n`).join('')}$`)),
  })
  expect(await command()).toEqual({ code: 0, output: expect.stringMatching(/^the database .*: 0001_tables, .* applied in \d+\.\d s\n$/) })
})

test("empty-cache removes what is ours in Redis but the heartbeats, leaves others' keys, and does nothing unless it is told to", async () => {
  const facade = createUpstashFacade({ redisUrl: redis.url, token: TOKEN })
  const { url } = await facade.listen()
  try {
    const client = new Redis({ url, token: TOKEN, ...CLIENT_OPTIONS })
    const keys = ['mine:crowd', 'mine:ls:crowd', 'mine:tl:1100000000000000001', 'mine:hb:1', 'other:crowd']
    for (const key of keys) await client.set(key, 'x')
    const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: TOKEN, KEY_PREFIX: 'mine:' }
    const left = async () => (await client.keys('*')).sort()
    expect((await runDevCommand('empty-cache', [], env)).code).toBe(2)
    expect(await left()).toEqual([...keys].sort())
    expect((await runDevCommand('empty-cache', ['--yes'], env)).code).toBe(0)
    expect(await left()).toEqual(['mine:hb:1', 'other:crowd'])
  } finally {
    await facade.close()
  }
})
