import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/** Settings that were changed at run time, as text by their names. */
export async function readSettings(db: Queryable): Promise<Readonly<Record<string, string>>> {
  const rows = await db.execute<{ name: string; value: string }>(sql`select name, value from settings order by name`)
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

export async function putSetting(db: Queryable, name: string, value: string): Promise<void> {
  await db.execute(sql`
    insert into settings (name, value) values (${name}, ${value}) on conflict (name) do update set value = excluded.value, changed_at = now()`)
}

/** Answers whether there was one. */
export async function removeSetting(db: Queryable, name: string): Promise<boolean> {
  return (await db.execute(sql`delete from settings where name = ${name} returning 1`)).length > 0
}

/** What the process that stepped the tiers last went by. */
export interface InForceNote {
  readonly settings: Readonly<Record<string, { readonly value: number; readonly from: string; readonly configured: number | null }>>
  /** What is wrong with settings that are ignored, by their names. */
  readonly refused: Readonly<Record<string, string>>
  /** Followers: with lag taken into account, and why it is what it is. */
  readonly crowdThreshold: number
  readonly why: string
}

/** Notes what is in force, where it is not noted already. */
export async function noteInForce(tx: Queryable, note: InForceNote): Promise<void> {
  const json = JSON.stringify(note)
  await tx.execute(sql`update crowd_threshold set in_force = ${json}::jsonb where in_force is distinct from ${json}::jsonb`)
}

/** Undefined before the first step of the tiers. */
export async function readInForce(db: Queryable): Promise<InForceNote | undefined> {
  const [row] = await db.execute<{ in_force: InForceNote | null }>(sql`select in_force from crowd_threshold`)
  return row?.in_force ?? undefined
}
