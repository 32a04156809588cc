import { sql } from 'drizzle-orm'
import { DEBT_AFTER_SECONDS } from './chunks.ts'
import { idArray, type Queryable } from './client.ts'

export interface InvalidationRow {
  readonly id: bigint
  /** A cache key, or a pattern that ends in `*`. */
  readonly key: string
  readonly truth: number
  /** Payload of a tombstone; null drops the value. */
  readonly replacement: string | null
}

type RawInvalidation = { id: bigint; key: string; truth: bigint; replacement: string | null }
const toInvalidation = (row: RawInvalidation): InvalidationRow => ({ ...row, truth: Number(row.truth) })

/** The rows that drop every key a write raised. */
export const dropsOf = (raised: Readonly<Record<string, number>>): Omit<InvalidationRow, 'id'>[] =>
  Object.entries(raised).map(([key, truth]) => ({ key, truth, replacement: null }))

/** Writes what L2 must forget, in the transaction that makes it untrue. */
export async function insertInvalidations(tx: Queryable, rows: readonly Omit<InvalidationRow, 'id'>[]): Promise<InvalidationRow[]> {
  const values = rows.map(
    ({ key, truth, replacement }) =>
      sql`(${key}::text, ${truth}::bigint, ${replacement}::text, now() + make_interval(secs => ${DEBT_AFTER_SECONDS}))`,
  )
  const made = await tx.execute<RawInvalidation>(sql`
    insert into invalidations (key, truth, replacement, due_at) values ${sql.join(values, sql`, `)}
    returning id, key, truth, replacement`)
  return made.map(toInvalidation)
}

/** Takes invalidations that are due: left behind by a process that died, or while Redis could not be reached. */
export async function takeInvalidations(db: Queryable, limit: number): Promise<InvalidationRow[]> {
  const rows = await db.execute<RawInvalidation>(sql`
    update invalidations set due_at = now() + make_interval(secs => ${DEBT_AFTER_SECONDS})
    where id in (select id from invalidations where done_at is null and due_at <= now() order by id limit ${limit} for update skip locked)
    returning id, key, truth, replacement`)
  return rows.map(toInvalidation)
}

/** What is still owed for these keys: a repeated request finishes it first. */
export async function owedFor(db: Queryable, keys: readonly string[]): Promise<InvalidationRow[]> {
  const list = sql.join(
    keys.map((key) => sql`${key}`),
    sql`, `,
  )
  const rows = await db.execute<RawInvalidation>(sql`
    select id, key, truth, replacement from invalidations where done_at is null and key in (${list})`)
  return rows.map(toInvalidation)
}

/** Notes that Redis has acknowledged these invalidations. */
export async function markInvalidated(db: Queryable, ids: readonly bigint[]): Promise<void> {
  await db.execute(sql`update invalidations set done_at = now() where id = any(${idArray(ids)}) and done_at is null`)
}

/** Takes back that these invalidations were carried out: they are due at once. */
export async function oweInvalidations(db: Queryable, ids: readonly bigint[]): Promise<void> {
  await db.execute(sql`update invalidations set done_at = null, due_at = now() where id = any(${idArray(ids)})`)
}
