import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

export interface UserRow {
  readonly id: bigint
  readonly handle: string
  readonly name: string
  /** Truth version of `us:`. */
  readonly version: number
  readonly private: boolean
  readonly suspended: boolean
  readonly deleted: boolean
}

/**
 * Creates a user, or changes handle and name; raises what caches must notice. Undefined for one who was deleted: ids and handles are not used again. Locks viewer, author and user in the order in which follows
 * and posts do, and leaves a handle alone that stays: changing it would lock out every row that refers to the user. Run it in a
 * transaction.
 */
export async function putUser(
  tx: Queryable,
  user: { readonly id: bigint; readonly handle: string; readonly name: string },
): Promise<{ readonly created: boolean; readonly version: number; readonly viewVersion: number } | undefined> {
  const [viewer] = await tx.execute<{ view_version: bigint }>(sql`
    update viewers set view_version = view_version + 1 where viewer_id = ${user.id} returning view_version`)
  await tx.execute(sql`select 1 from authors where author_id = ${user.id} for update`)
  const [known] = await tx.execute<{ version: bigint; deleted: boolean }>(sql`
    update users set name = ${user.name}, version = version + 1 where id = ${user.id} returning version, deleted_at is not null as deleted`)
  if (known?.deleted) return undefined
  if (known && viewer) {
    await tx.execute(sql`update users set handle = ${user.handle} where id = ${user.id} and handle <> ${user.handle}`)
    return { created: false, version: Number(known.version), viewVersion: Number(viewer.view_version) }
  }
  await tx.execute(sql`insert into users (id, handle, name) values (${user.id}, ${user.handle}, ${user.name})`)
  await tx.execute(sql`insert into authors (author_id) values (${user.id})`)
  await tx.execute(sql`insert into viewers (viewer_id) values (${user.id})`)
  return { created: true, version: 1, viewVersion: 1 }
}

/** The users with these ids, deleted ones included. */
export async function findAccounts(db: Queryable, ids: readonly (bigint | string)[]): Promise<UserRow[]> {
  if (ids.length === 0) return []
  const rows = await db.execute<Omit<UserRow, 'version'> & { version: bigint }>(sql`
    select id, handle, name, version, private, suspended_at is not null as suspended, deleted_at is not null as deleted
    from users where id = any(${idArray(ids)})`)
  return rows.map((row) => ({ ...row, version: Number(row.version) }))
}

/** The users with these ids who are not deleted. */
export const findUsers = async (db: Queryable, ids: readonly (bigint | string)[]): Promise<UserRow[]> =>
  (await findAccounts(db, ids)).filter((user) => !user.deleted)

/** The user with that handle, unless deleted: one row or none. */
export async function findUserByHandle(db: Queryable, handle: string): Promise<{ readonly id: bigint }[]> {
  return db.execute<{ id: bigint }>(sql`select id from users where handle = ${handle} and deleted_at is null`)
}
