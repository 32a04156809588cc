import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import * as schema from '../../origin/db/schema.ts'
import { documents } from '../support/docs/project.ts'

const tables = new Map(
  Object.values(schema)
    .filter((table) => is(table, PgTable))
    .map((table) => getTableConfig(table))
    .map((table) => [table.name, table]),
)
const told = documents.find(({ file }) => file === 'docs/scale.md')?.tables.filter(({ header }) => header[0] === 'table') ?? []
const rows = told.flatMap(({ header, rows }) => rows.map(({ cells }) => ({ distributed: header[1] === 'by', cells })))

test('docs/scale.md names every table once', () => {
  expect(rows.map(({ cells: [name] }) => name?.text).sort()).toEqual([...tables.keys()].sort())
})

test.each(
  rows
    .filter(({ distributed }) => distributed)
    .map(({ cells: [name, column, change] }) => [name?.text ?? '', column?.text ?? '', change?.text ?? '']),
)('%s has the column %s, in its primary key or in the one that is told', (name, column, change) => {
  const table = tables.get(name)
  const found = table?.columns.find((one) => one.name === column)
  expect(found?.notNull).toBe(true)
  const keys = [...(found?.primary ? [column] : []), ...(table?.primaryKeys.flatMap(({ columns }) => columns.map((one) => one.name)) ?? [])]
  if (!keys.includes(column)) expect(change).toContain(`key (${column}, `)
})
