import { type Context, Hono } from 'hono'
import { type BothRaised, deleteBlock, insertBlock } from '../db/blocks.ts'
import { dropsOf } from '../db/invalidations.ts'
import { deleteMute, insertMute } from '../db/mutes.ts'
import { keysBetween, raisedBetween } from '../fanout/raised.ts'
import type { OriginEnv } from '../http/identity.ts'
import { requireBoth, requireCaller } from './callers.ts'
import { type Change, carryOut, type WriteParts } from './carry-out.ts'
import { pairOf } from './follows.ts'
import { respond } from './respond.ts'

/** Mutes and blocks. All are idempotent, and a repetition finishes what the first request may have left undone. */
export function relationRoutes(parts: WriteParts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()

  routes.post('/v1/users/:id/mute', async (c) => {
    const { callerId, otherId } = pairOf(c, 'Nobody mutes themselves.')
    const raised = await carryOut(parts, keysBetween(callerId, otherId), async (tx) => {
      await requireBoth(tx, callerId, otherId)
      const versions = await insertMute(tx, callerId, otherId)
      return versions && { raised: raisedBetween(callerId, otherId, versions, false) }
    })
    return respond({ status: 200, body: { muted: true }, raised }, false)
  })

  routes.delete('/v1/users/:id/mute', async (c) => {
    const { callerId, otherId } = pairOf(c, 'Nobody mutes themselves.')
    const raised = await carryOut(parts, keysBetween(callerId, otherId), async (tx) => {
      await requireCaller(tx, callerId)
      const versions = await deleteMute(tx, callerId, otherId)
      return versions && { raised: raisedBetween(callerId, otherId, versions, false) }
    })
    return respond({ status: 200, body: { muted: false }, raised }, false)
  })

  /** A block is told to the caches of both: each stops seeing the other. The caller is not told how often the other's view has changed. */
  function changeOf(callerId: bigint, otherId: bigint, both: BothRaised | undefined): Change | undefined {
    if (!both) return undefined
    const raised = raisedBetween(callerId, otherId, both.blocker, both.blocker.dropTimeline)
    return { raised, drops: dropsOf({ ...raised, ...raisedBetween(otherId, callerId, both.blocked, both.blocked.dropTimeline) }) }
  }
  const keysOf = (callerId: bigint, otherId: bigint) => [...keysBetween(callerId, otherId), ...keysBetween(otherId, callerId)]

  async function block(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody blocks themselves.')
    const raised = await carryOut(parts, keysOf(callerId, otherId), async (tx) => {
      await requireBoth(tx, callerId, otherId)
      return changeOf(callerId, otherId, await insertBlock(tx, callerId, otherId))
    })
    return respond({ status: 200, body: { blocked: true }, raised }, false)
  }

  async function unblock(c: Context<OriginEnv>): Promise<Response> {
    const { callerId, otherId } = pairOf(c, 'Nobody blocks themselves.')
    const raised = await carryOut(parts, keysOf(callerId, otherId), async (tx) => {
      await requireCaller(tx, callerId)
      return changeOf(callerId, otherId, await deleteBlock(tx, callerId, otherId))
    })
    return respond({ status: 200, body: { blocked: false }, raised }, false)
  }

  routes.post('/v1/users/:id/block', block)
  routes.delete('/v1/users/:id/block', unblock)
  return routes
}
