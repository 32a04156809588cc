import { type Context, Hono } from 'hono'
import { isId } from '../../contract/ids.ts'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Database } from '../db/client.ts'
import { askingToFollow, blockedBy, mutedBy } from '../db/people.ts'
import { actingUser, type OriginEnv } from '../http/identity.ts'
import { requireCaller } from './callers.ts'

/** Above every id. */
const TOP = '9223372036854775807'

/**
 * Lists of people that only the caller sees. A page goes on below the id of the last person of the one before; its cursor is that id,
 * unsigned: whatever is put in its place, the list stays the caller's own.
 */
export function peopleRoutes({ db }: { readonly db: Database }): Hono<OriginEnv> {
  const list = (question: typeof mutedBy) => async (c: Context<OriginEnv>) => {
    const callerId = actingUser(c)
    const limit = limitOf(c)
    const below = c.req.query('cursor') ?? TOP
    if (!isId(below)) throw new Problem('bad-cursor', 'The cursor is damaged.')
    await requireCaller(db, callerId)
    const people = await question(db, callerId, { below, limit: limit + 1 })
    const users = people.slice(0, limit)
    return c.json({ users, next_cursor: people.length > limit ? (users.at(-1)?.id ?? null) : null }, 200, { 'cache-control': 'no-store' })
  }

  const routes = new Hono<OriginEnv>()
  routes.get('/v1/follow-requests', list(askingToFollow))
  routes.get('/v1/mutes', list(mutedBy))
  routes.get('/v1/blocks', list(blockedBy))
  return routes
}

/** `limit`, in digits and nothing else. */
function limitOf(c: Context<OriginEnv>): number {
  const text = c.req.query('limit')
  if (text === undefined) return DEFAULT_PAGE_SIZE
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_PAGE_SIZE) throw new Problem('bad-request', `limit is a whole number from 1 to ${MAX_PAGE_SIZE}.`)
  return limit
}
