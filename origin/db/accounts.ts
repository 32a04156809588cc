import { type SQL, sql } from 'drizzle-orm'
import { type ActivityKind, inTurn, lastTurn, logActivity } from './activities.ts'
import type { Queryable } from './client.ts'

/** Truth versions that a change of who may see an account raised. */
export interface AccountVersions {
  /** Of `us:`. */
  readonly version: number
  /** Of both `au:`. */
  readonly postVersion: number
}

/** Makes an account private or open. Undefined when it was so before, or is not there. Run it in a transaction. */
export const setPrivate = (tx: Queryable, userId: bigint, value: boolean): Promise<AccountVersions | undefined> =>
  change(tx, userId, value ? 'make-private' : 'make-public', sql`private = ${value}`, sql`private <> ${value}`)

/** Suspends an account or lets it come back. Undefined when it was so before, or is not there. Run it in a transaction. */
export const setSuspended = (tx: Queryable, userId: bigint, value: boolean): Promise<AccountVersions | undefined> =>
  change(
    tx,
    userId,
    value ? 'suspend' : 'restore',
    sql`suspended_at = ${value ? sql`clock_timestamp()` : sql`null`}`,
    sql`(suspended_at is not null) <> ${value}`,
  )

/** Truth versions that the end of an account raised beside. */
export interface DeletedVersions extends AccountVersions {
  readonly viewVersion: number
  readonly followVersion: number
  readonly marksVersion: number
}

/**
 * Deletes an account: from the commit on nobody sees anything of it. Its handle and id stay taken, and a sweep takes away the rest, a step at a
 * time (`deleted-accounts.ts`). Undefined when it was deleted before, or is not there. Run it in a transaction.
 */
export async function deleteAccount(tx: Queryable, userId: bigint): Promise<DeletedVersions | undefined> {
  const [viewer] = await tx.execute<{ view_version: bigint; follow_version: bigint; marks_version: bigint }>(sql`
    update viewers set enrolled_at = null, view_version = view_version + 1, follow_version = follow_version + 1,
      marks_version = marks_version + 1, changed_at = clock_timestamp()
    from ${lastTurn(userId)} where viewer_id = ${userId} and exists (select from users where id = ${userId} and deleted_at is null)
    returning view_version, follow_version, marks_version`)
  const versions = await change(tx, userId, 'delete-account', sql`deleted_at = clock_timestamp()`, sql`true`)
  if (!viewer || !versions) return undefined
  return {
    ...versions,
    viewVersion: Number(viewer.view_version),
    followVersion: Number(viewer.follow_version),
    marksVersion: Number(viewer.marks_version),
  }
}

/**
 * Changes who may see an account, where `differs` says that it is a change: raises what its profile, its lists and its posts are judged by, and
 * leaves a sweep that drops the posts' bodies from L2. Under the author's lock, as posts are written and deleted.
 */
async function change(tx: Queryable, userId: bigint, kind: ActivityKind, change: SQL, differs: SQL): Promise<AccountVersions | undefined> {
  await tx.execute(sql`select 1 from authors, ${inTurn([userId])} where author_id = ${userId} for update of authors`)
  const [user] = await tx.execute<{ version: bigint }>(sql`
    update users set ${change}, version = version + 1, visibility_version = visibility_version + 1, visibility_changed_at = clock_timestamp()
    where id = ${userId} and deleted_at is null and ${differs} returning version`)
  if (!user) return undefined
  await logActivity(tx, { kind, actorId: userId })
  const [author] = await tx.execute<{ post_version: bigint }>(sql`
    update authors set post_version = post_version + 1 where author_id = ${userId} returning post_version`)
  await tx.execute(sql`
    insert into sweeps (author_id, due_at) values (${userId}, clock_timestamp())
    on conflict (author_id) do update set below_post = excluded.below_post, due_at = excluded.due_at`)
  return { version: Number(user.version), postVersion: Number(author?.post_version ?? 0n) }
}
