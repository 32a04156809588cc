import { type SQL, sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

export interface Person {
  readonly id: string
  readonly handle: string
  readonly name: string
}

/** Where a page of people begins and how many it may hold: those with lower ids than `below` ('9…' for the first page), highest first. */
export interface PeoplePage {
  readonly below: string
  readonly limit: number
}

/** Those of `ids` (a query of one column `id`) who are neither suspended nor deleted. */
const page = (db: Queryable, ids: SQL, { below, limit }: PeoplePage): Promise<Person[]> =>
  db.execute<{ id: string; handle: string; name: string }>(sql`
    select u.id::text as id, handle, name from (${ids}) listed join users u using (id)
    where listed.id < ${below}::bigint and suspended_at is null and deleted_at is null order by listed.id desc limit ${limit}`)

/** Whom a viewer muted. */
export const mutedBy = (db: Queryable, viewerId: bigint, at: PeoplePage): Promise<Person[]> =>
  page(db, sql`select author_id as id from mutes where viewer_id = ${viewerId}`, at)

/** Whom a user blocks. */
export const blockedBy = (db: Queryable, blockerId: bigint, at: PeoplePage): Promise<Person[]> =>
  page(db, sql`select blocked_id as id from blocks where blocker_id = ${blockerId}`, at)

/** Who asks to follow a user. */
export const askingToFollow = (db: Queryable, targetId: bigint, at: PeoplePage): Promise<Person[]> =>
  page(db, sql`select requester_id as id from follow_requests where target_id = ${targetId}`, at)
