import { type Context, Hono } from 'hono'
import { keyOf } from '../../contract/l2/keys.ts'
import { userInputSchema } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import { type Database, isUniqueViolation } from '../db/client.ts'
import { dropsOf, insertInvalidations } from '../db/invalidations.ts'
import { putUser } from '../db/users.ts'
import type { Settle } from '../fanout/settle.ts'
import { parseBody, pathId } from '../http/body.ts'
import type { OriginEnv } from '../http/identity.ts'
import { respond } from './respond.ts'

interface Parts {
  readonly db: Database
  readonly settle: Settle
}

/** Users are kept by the product that embeds the feed: a service creates and changes them. */
export function userRoutes({ db, settle }: Parts): Hono<OriginEnv> {
  async function put(c: Context<OriginEnv>): Promise<Response> {
    if (!c.get('caller').service) throw new Problem('forbidden', 'Only a service token may create or change users.')
    const id = pathId(c)
    const input = parseBody(c, userInputSchema)
    try {
      const { created, owed, raised } = await db.transaction(async (tx) => {
        const written = await putUser(tx, { id, ...input })
        if (!written) throw new Problem('conflict', `The user ${id} was deleted; ids and handles are not used again.`)
        const { created, version, viewVersion } = written
        const raised = { [keyOf.user(String(id))]: version, [keyOf.viewer(String(id))]: viewVersion }
        return { created, raised, owed: await insertInvalidations(tx, dropsOf(raised)) }
      })
      await settle(owed)
      return respond({ status: created ? 201 : 200, body: { id: String(id), ...input }, raised }, false)
    } catch (cause) {
      if (!isUniqueViolation(cause)) throw cause
      throw new Problem('conflict', `The handle ${input.handle} belongs to another user.`, { cause })
    }
  }

  const routes = new Hono<OriginEnv>()
  routes.put('/v1/users/:id', put)
  return routes
}
