import { Hono } from 'hono'
import { loadRequestSchema, marksRequestSchema, olderOfAuthorRequestSchema, olderRequestSchema } from '../../contract/internal.ts'
import { type Database, limitStatements } from '../db/client.ts'
import { marksAmong } from '../db/likes.ts'
import { olderFeed, olderOfAuthor } from '../db/timelines.ts'
import { parseBody } from '../http/body.ts'
import type { OriginEnv } from '../http/identity.ts'
import { loadKeys } from '../timelines/load.ts'

interface Parts {
  readonly db: Database
  readonly observe: (event: { readonly type: 'load'; readonly keys: readonly string[] }) => void
}

/** Milliseconds a scroll below the caches may take: the worker gives up after two seconds. */
const OLDER_MS = 1_900

/** What the worker asks: batches of everything a read misses, and the scroll below the caches. */
export function internalRoutes({ db, observe }: Parts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.post('/internal/load', async (c) => {
    const { keys } = parseBody(c, loadRequestSchema)
    observe({ type: 'load', keys })
    return c.json({ values: await loadKeys(db, keys) })
  })
  routes.post('/internal/older', async (c) => {
    const { viewerId, below, anchor, limit } = parseBody(c, olderRequestSchema)
    // Nobody waits for longer than the edge's deadline: a scroll far down must not hold a connection.
    const entries = await db.transaction(async (tx) => {
      await limitStatements(tx, OLDER_MS)
      return olderFeed(tx, viewerId, below, anchor, limit)
    })
    return c.json({ entries })
  })
  routes.post('/internal/older-of-author', async (c) => {
    const { authorId, below, limit } = parseBody(c, olderOfAuthorRequestSchema)
    return c.json({ entries: await olderOfAuthor(db, authorId, below, limit) })
  })
  routes.post('/internal/marks', async (c) => {
    const { viewerId, postIds } = parseBody(c, marksRequestSchema)
    return c.json(await marksAmong(db, viewerId, postIds))
  })
  return routes
}
