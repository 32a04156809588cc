import { sql } from 'drizzle-orm'
import { inTurn, logActivity } from './activities.ts'
import { idArray, type Queryable } from './client.ts'
import { deleteFollow, raiseVersions, type ViewerVersions } from './follows.ts'

/** What a block or its end raised of one of the two. */
export type Raised = ViewerVersions & { readonly dropTimeline: boolean }
export interface BothRaised {
  readonly blocker: Raised
  readonly blocked: Raised
}

/**
 * Writes a block and ends follows and requests between the two; undefined when it stood before. Both must exist. Who changes something between
 * two people holds the viewer's row of one of them, so nothing does meanwhile. Run it in a transaction.
 */
export async function insertBlock(tx: Queryable, blockerId: bigint, blockedId: bigint): Promise<BothRaised | undefined> {
  await lockBoth(tx, blockerId, blockedId)
  const made = await tx.execute(sql`
    insert into blocks (blocker_id, blocked_id) values (${blockerId}, ${blockedId}) on conflict do nothing returning 1`)
  if (made.length === 0) return undefined
  await logActivity(tx, { kind: 'block', actorId: blockerId, subjectId: blockedId })
  const one = await deleteFollow(tx, blockerId, blockedId)
  const other = await deleteFollow(tx, blockedId, blockerId)
  return raiseBoth(tx, [blockerId, one?.dropTimeline ?? false], [blockedId, other?.dropTimeline ?? false])
}

/** Removes a block; undefined when there was none. What it ended does not come back. Run it in a transaction. */
export async function deleteBlock(tx: Queryable, blockerId: bigint, blockedId: bigint): Promise<BothRaised | undefined> {
  await lockBoth(tx, blockerId, blockedId)
  const gone = await tx.execute(sql`delete from blocks where blocker_id = ${blockerId} and blocked_id = ${blockedId} returning 1`)
  if (gone.length === 0) return undefined
  await logActivity(tx, { kind: 'unblock', actorId: blockerId, subjectId: blockedId })
  return raiseBoth(tx, [blockerId, false], [blockedId, false])
}

/** Both as viewers, then both as authors, each in the order of their ids: two blocks across each other would otherwise wait for each other. */
async function lockBoth(tx: Queryable, oneId: bigint, otherId: bigint): Promise<void> {
  const both = idArray([oneId, otherId])
  await tx.execute(sql`
    select 1 from viewers, ${inTurn([oneId, otherId], [oneId, otherId])} where viewer_id = any(${both}) order by viewer_id for update of viewers`)
  await tx.execute(sql`select 1 from authors where author_id = any(${both}) order by author_id for update`)
}

async function raiseBoth(
  tx: Queryable,
  [blockerId, dropOne]: readonly [bigint, boolean],
  [blockedId, dropOther]: readonly [bigint, boolean],
): Promise<BothRaised | undefined> {
  const one = await raiseVersions(tx, blockerId, dropOne)
  const other = await raiseVersions(tx, blockedId, dropOther)
  return one && other && { blocker: { ...one, dropTimeline: dropOne }, blocked: { ...other, dropTimeline: dropOther } }
}
