import { getTableColumns, getTableName, is, sql } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'
import { expect, inject, test } from 'vitest'
import { connect } from '../../origin/db/client.ts'
import * as schema from '../../origin/db/schema.ts'
import { createDatabase } from '../support/postgres.ts'

test('the tables drizzle knows are the tables the migrations make', async () => {
  const database = await createDatabase(inject('postgresUrl'))
  const { db, close } = connect(database.url, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'test' })
  try {
    const rows = await db.execute<{ table: string; column: string; nullable: boolean; type: string }>(sql`
      select table_name as table, column_name as column, is_nullable = 'YES' as nullable, case data_type when 'ARRAY' then udt_name::regtype::text else data_type end as type
      from information_schema.columns where table_schema = 'public' order by 1, 2`)
    const made = rows.map(({ table, column, nullable, type }) => `${table}.${column} ${type}${nullable ? '' : ' not null'}`)
    const known = Object.values(schema)
      .filter((table) => is(table, PgTable))
      .flatMap((table) =>
        Object.values(getTableColumns(table)).map(
          (column) => `${getTableName(table)}.${column.name} ${column.getSQLType()}${column.notNull ? ' not null' : ''}`,
        ),
      )
    expect(known.sort()).toEqual(made.sort())
  } finally {
    await close()
    await database.drop()
  }
})
