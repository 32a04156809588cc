import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect } from '../../origin/db/client.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { runTiersHistories } from '../support/tiers-histories.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

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

test('however posts, follows, returns, demotions and promotions interleave, no reader misses a post', async () => {
  const t = performance.now()
  const details = await runTiersHistories(connection.db, { runs: 8, seed: SEED, minSteps: 30 })
  console.log('ms', performance.now() - t)
  expect(details.failed, fc.defaultReportMessage(details)).toBe(false)
})
for (const defect of ['nothing is copied', 'rebuilds leave pulled posts out', 'leaves at once'] as const) {
  test(`${defect}: the same histories find it`, async () => {
    const t = performance.now()
    const details = await runTiersHistories(connection.db, { runs: 200, seed: SEED, minSteps: 30, defect })
    console.log('ms', defect, details.numRuns, performance.now() - t, fc.defaultReportMessage(details))
    expect(details.failed).toBe(true)
  })
}
