import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/** The moments (`when` of the journal) of the migrations a database has, oldest first; none where it was never migrated. */
export async function appliedMigrations(db: Queryable): Promise<number[]> {
  const [table] = await db.execute<{ exists: boolean }>(sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`)
  if (!table?.exists) return []
  const rows = await db.execute<{ created_at: bigint }>(sql`select created_at from drizzle.__drizzle_migrations order by created_at`)
  return rows.map((row) => Number(row.created_at))
}
