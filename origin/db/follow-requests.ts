import { sql } from 'drizzle-orm'
import { inTurn } from './activities.ts'
import type { Queryable } from './client.ts'
import { type FollowOutcome, insertFollow } from './follows.ts'
import { relationsOf } from './relations.ts'

/** Makes a follow of a request: `no request` where there is none, and no follow either. Run it in a transaction. */
export async function acceptRequest(tx: Queryable, targetId: bigint, requesterId: bigint): Promise<FollowOutcome | 'no request'> {
  await tx.execute(
    sql`select 1 from viewers, ${inTurn([targetId, requesterId], [requesterId])} where viewer_id = ${requesterId} for update of viewers`,
  )
  const asked = await tx.execute(sql`select 1 from follow_requests where target_id = ${targetId} and requester_id = ${requesterId}`)
  if (asked.length > 0) return insertFollow(tx, requesterId, targetId, true)
  const [relation] = await relationsOf(tx, [{ viewerId: requesterId, authorId: targetId }])
  return relation?.follows ? 'already' : 'no request'
}

/** Removes a request. True when the requester follows nevertheless: it was accepted before. Run it in a transaction. */
export async function rejectRequest(tx: Queryable, targetId: bigint, requesterId: bigint): Promise<boolean> {
  await tx.execute(sql`select 1 from viewers where viewer_id = ${requesterId} for update`)
  await tx.execute(sql`delete from follow_requests where target_id = ${targetId} and requester_id = ${requesterId}`)
  const [relation] = await relationsOf(tx, [{ viewerId: requesterId, authorId: targetId }])
  return relation?.follows ?? false
}
