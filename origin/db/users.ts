import { sql } from 'drizzle-orm'
import { idArray, type Queryable } from './client.ts'

export interface UserRow {
  readonly id: bigint
  readonly handle: string
  readonly name: string
  readonly version: number
}

/** Creates a user, or changes handle and name; raises what caches must notice. Run it in a transaction. */
export async function putUser(
  tx: Queryable,
  user: { readonly id: bigint; readonly handle: string; readonly name: string },
): Promise<{ readonly created: boolean; readonly version: number; readonly viewVersion: number }> {
  const [row] = await tx.execute<{ created: boolean; version: bigint }>(sql`
    insert into users (id, handle, name) values (${user.id}, ${user.handle}, ${user.name})
    on conflict (id) do update set handle = excluded.handle, name = excluded.name, version = users.version + 1
    returning version = 1 as created, version`)
  if (!row) throw new Error('putUser returned no row')
  await tx.execute(sql`insert into authors (author_id) values (${user.id}) on conflict do nothing`)
  const [viewer] = await tx.execute<{ view_version: bigint }>(sql`
    insert into viewers (viewer_id) values (${user.id})
    on conflict (viewer_id) do update set view_version = viewers.view_version + 1 returning view_version`)
  return { created: row.created, version: Number(row.version), viewVersion: Number(viewer?.view_version ?? 1n) }
}

/** The users with these ids who are not deleted. */
export async function findUsers(db: Queryable, ids: readonly string[]): Promise<UserRow[]> {
  if (ids.length === 0) return []
  const rows = await db.execute<{ id: bigint; handle: string; name: string; version: bigint }>(sql`
    select id, handle, name, version from users where id = any(${idArray(ids)}) and deleted_at is null`)
  return rows.map((row) => ({ id: row.id, handle: row.handle, name: row.name, version: Number(row.version) }))
}

/** The user with that handle, unless deleted: one row or none. */
export async function findUserByHandle(db: Queryable, handle: string): Promise<{ readonly id: bigint }[]> {
  return db.execute<{ id: bigint }>(sql`select id from users where handle = ${handle} and deleted_at is null`)
}
