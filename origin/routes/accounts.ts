import { type Context, Hono } from 'hono'
import { keyOf } from '../../contract/l2/keys.ts'
import { privacySchema, suspensionSchema } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Raised } from '../../contract/version-token.ts'
import { type AccountVersions, deleteAccount, setPrivate, setSuspended } from '../db/accounts.ts'
import type { Queryable } from '../db/client.ts'
import { dropsOf } from '../db/invalidations.ts'
import { withdrawAuthor } from '../db/popular.ts'
import { findAccounts } from '../db/users.ts'
import { parseBody, pathId } from '../http/body.ts'
import { actingUser, type OriginEnv, unknownCaller } from '../http/identity.ts'
import { noUser } from './callers.ts'
import { type Change, carryOut, type WriteParts } from './carry-out.ts'
import { respond } from './respond.ts'

/**
 * Who may see an account: private, suspended, deleted. The profile and the lists are told before the acknowledgement, and readers believe the
 * profile over any post; the bodies of the posts leave L2 behind it (`origin/fanout/sweep.ts`).
 */
export function accountRoutes(parts: WriteParts): Hono<OriginEnv> {
  async function putPrivacy(c: Context<OriginEnv>): Promise<Response> {
    const userId = ownOrServed(c)
    const body = parseBody(c, privacySchema)
    const raised = await carryOut(parts, keysOf(userId), async (tx) => {
      await requireAccount(c, tx, userId)
      const versions = await setPrivate(tx, userId, body.private)
      return versions && changed(tx, userId, raisedBy(userId, versions))
    })
    return respond({ status: 200, body, raised }, false)
  }

  async function putSuspension(c: Context<OriginEnv>): Promise<Response> {
    if (!c.get('caller').service) throw new Problem('forbidden', 'Only a service token may suspend users.')
    const userId = pathId(c)
    const body = parseBody(c, suspensionSchema)
    const raised = await carryOut(parts, keysOf(userId), async (tx) => {
      await requireAccount(c, tx, userId)
      const versions = await setSuspended(tx, userId, body.suspended)
      return versions && changed(tx, userId, raisedBy(userId, versions))
    })
    return respond({ status: 200, body, raised }, false)
  }

  async function remove(c: Context<OriginEnv>): Promise<Response> {
    const userId = ownOrServed(c)
    const id = String(userId)
    const own = [keyOf.viewer(id), keyOf.timeline(id), keyOf.marks(id)]
    const raised = await carryOut(parts, [...keysOf(userId), ...own], async (tx) => {
      const versions = await deleteAccount(tx, userId)
      if (versions) {
        const { viewVersion, followVersion, marksVersion } = versions
        const viewer = { [keyOf.viewer(id)]: viewVersion, [keyOf.timeline(id)]: followVersion, [keyOf.marks(id)]: marksVersion }
        return changed(tx, userId, { ...raisedBy(userId, versions), ...viewer })
      }
      if ((await findAccounts(tx, [userId])).length === 0) throw c.get('caller').service ? noUser(userId) : unknownCaller(userId)
      return undefined
    })
    return respond({ status: 204, body: null, raised }, false)
  }

  const routes = new Hono<OriginEnv>()
  routes.put('/v1/users/:id/privacy', putPrivacy)
  routes.put('/v1/users/:id/suspension', putSuspension)
  routes.delete('/v1/users/:id', remove)
  return routes
}

/** The user of the path: oneself, or for a service anybody. */
function ownOrServed(c: Context<OriginEnv>): bigint {
  const userId = pathId(c)
  if (!c.get('caller').service && actingUser(c) !== userId)
    throw new Problem('forbidden', 'This is for the account itself, or a service token.')
  return userId
}

async function requireAccount(c: Context<OriginEnv>, tx: Queryable, userId: bigint): Promise<void> {
  const [account] = await findAccounts(tx, [userId])
  if (!account || account.deleted) throw c.get('caller').service ? noUser(userId) : unknownCaller(userId)
}

/** What a change of who may see an account made untrue. */
const changed = async (tx: Queryable, userId: bigint, raised: Raised): Promise<Change> => ({
  raised,
  drops: [...dropsOf(raised), ...(await withdrawAuthor(tx, userId, keyOf.popular()))],
})

const raisedBy = (userId: bigint, { version, postVersion }: AccountVersions): Raised => ({
  [keyOf.user(String(userId))]: version,
  [keyOf.author(String(userId), 'public')]: postVersion,
  [keyOf.author(String(userId), 'followers')]: postVersion,
})
const keysOf = (userId: bigint): readonly string[] => Object.keys(raisedBy(userId, { version: 0, postVersion: 0 }))
