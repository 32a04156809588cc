import { sql } from 'drizzle-orm'
import type { Database } from '../../../origin/db/client.ts'

/** A fault: from now on no write leaves a row that drops this key from L2, as if its invalidation had been lost. */
export async function forgetInvalidationsOf(db: Database, key: string): Promise<void> {
  await db.execute(sql`create or replace function forget_row() returns trigger language plpgsql as $$ begin return null; end $$`)
  const name = `forget_${key.replaceAll(':', '_')}`
  await db.execute(
    sql.raw(`create trigger ${name} before insert on invalidations for each row when (new.key = '${key}') execute function forget_row()`),
  )
}
