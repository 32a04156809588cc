import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import type { Queryable } from './client.ts'
import { LOCKS } from './locks.ts'
import * as schema from './schema.ts'

/** The moments (`when` of the journal) of the migrations a database has, oldest first; none where it was never migrated. */
export async function appliedMigrations(db: Queryable): Promise<number[]> {
  const [table] = await db.execute<{ exists: boolean }>(sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`)
  if (!table?.exists) return []
  const rows = await db.execute<{ created_at: bigint }>(sql`select created_at from drizzle.__drizzle_migrations order by created_at`)
  return rows.map((row) => Number(row.created_at))
}

/**
 * Applies what is missing of `migrations/`, forward only, in one transaction; of two that run at once one waits for the other. Answers the
 * moments of those it applied.
 */
export async function migrate(url: string, folder: string): Promise<readonly number[]> {
  const client = postgres(url, { max: 1, onnotice: () => {} })
  try {
    await client`select pg_advisory_lock(${LOCKS.migration})`
    const db = drizzle(client, { schema })
    const before = await appliedMigrations(db)
    await runMigrations(db, { migrationsFolder: folder })
    return (await appliedMigrations(db)).filter((when) => !before.includes(when))
  } finally {
    await client.end({ timeout: 5 })
  }
}
