import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect } from '../../origin/db/client.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection
beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

test('of two transactions that wait for each other the one that Postgres ends begins again, and both are done', async () => {
  const { db } = connection
  const [ada = '', ben = ''] = await makeUsers(db, 2)
  const met = Promise.withResolvers<void>()
  let begun = 0
  let attempts = 0
  const raise = (first: string, second: string) =>
    db.transaction(async (tx) => {
      attempts++
      await tx.execute(sql`update viewers set view_version = view_version + 1 where viewer_id = ${first}`)
      if (++begun === 2) met.resolve()
      await met.promise
      await tx.execute(sql`update viewers set view_version = view_version + 1 where viewer_id = ${second}`)
    })
  await Promise.all([raise(ada, ben), raise(ben, ada)])
  const versions = await db.execute<{ view_version: bigint }>(sql`select view_version from viewers`)
  expect(versions.map((row) => Number(row.view_version))).toEqual([3, 3])
  expect(attempts).toBeGreaterThan(2) // it may win the race for the rows, and then the other one begins again
})

test('any other failure is not repeated', async () => {
  let attempts = 0
  const failing = connection.db.transaction(async (tx) => {
    attempts++
    await tx.execute(sql`select 1 / 0`)
  })
  await expect(failing).rejects.toThrow()
  expect(attempts).toBe(1)
})
