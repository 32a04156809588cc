import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { raiseVersions, type ViewerVersions } from './follows.ts'

/** Writes a mute; undefined when it stood before. Both must exist. Run it in a transaction. */
export async function insertMute(tx: Queryable, viewerId: bigint, authorId: bigint): Promise<ViewerVersions | undefined> {
  await tx.execute(sql`select 1 from viewers where viewer_id = ${viewerId} for update`)
  const made = await tx.execute(sql`
    insert into mutes (viewer_id, author_id) values (${viewerId}, ${authorId}) on conflict do nothing returning 1`)
  return made.length === 0 ? undefined : raiseVersions(tx, viewerId, false)
}

/** Removes a mute; undefined when there was none. Run it in a transaction. */
export async function deleteMute(tx: Queryable, viewerId: bigint, authorId: bigint): Promise<ViewerVersions | undefined> {
  await tx.execute(sql`select 1 from viewers where viewer_id = ${viewerId} for update`)
  const gone = await tx.execute(sql`delete from mutes where viewer_id = ${viewerId} and author_id = ${authorId} returning 1`)
  return gone.length === 0 ? undefined : raiseVersions(tx, viewerId, false)
}
