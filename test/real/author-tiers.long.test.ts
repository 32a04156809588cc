import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect } from '../../origin/db/client.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { runTiersHistories } from '../support/tiers-histories.ts'

const SEED = Number(process.env.SEED ?? randomInt(2 ** 31))

let database: TestDatabase
let connection: Connection

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 10_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

test('however posts, follows, returns and changes of tier interleave, no reader misses a post: long', async () => {
  const details = await runTiersHistories(connection.db, { runs: 150, seed: SEED, minSteps: 30 })
  expect(details.failed, fc.defaultReportMessage(details)).toBe(false)
}, 600_000)

for (const defect of ['nobody is marked as present', 'leaves at once'] as const) {
  test(`${defect}: the same histories find it`, async () => {
    const details = await runTiersHistories(connection.db, { runs: 500, seed: SEED, minSteps: 30, defect })
    expect(details.failed, `seed ${SEED}`).toBe(true)
  }, 600_000)
}
