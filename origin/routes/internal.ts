import { Hono } from 'hono'
import { loadRequestSchema, marksRequestSchema, olderOfAuthorRequestSchema, olderRequestSchema } from '../../contract/internal.ts'
import type { ListFormat } from '../../contract/l2/codec.ts'
import { type Database, limitStatements, type Queryable } from '../db/client.ts'
import { marksAmong } from '../db/likes.ts'
import { type OlderRows, olderFeed, olderOfAuthor } from '../db/older.ts'
import { parseBody } from '../http/body.ts'
import type { OriginEnv } from '../http/identity.ts'
import { inFormat } from '../timelines/list-format.ts'
import { loadKeys } from '../timelines/load.ts'
import type { Rebuilds } from '../timelines/rebuild.ts'

interface Parts {
  readonly db: Database
  readonly rebuilds: Pick<Rebuilds, 'later'>
  readonly listFormat: ListFormat
  readonly observe: (event: { readonly type: 'load'; readonly keys: readonly string[] }) => void
}

/** Milliseconds a scroll beside the caches may take: the worker gives up after two seconds. */
const OLDER_MS = 1_900

/** What the worker asks: batches of everything a read misses, and the scroll below the caches. */
export function internalRoutes({ db, rebuilds, listFormat, observe }: Parts): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  /** Nobody waits for longer than the edge's deadline: a scroll far down must not hold a connection. */
  const bounded = (question: (tx: Queryable) => Promise<OlderRows>): Promise<OlderRows> =>
    db.transaction(async (tx) => {
      await limitStatements(tx, OLDER_MS)
      return question(tx)
    })
  routes.post('/internal/load', async (c) => {
    const { keys } = parseBody(c, loadRequestSchema)
    observe({ type: 'load', keys })
    return c.json({ values: inFormat(await loadKeys(db, keys, rebuilds.later), listFormat) })
  })
  routes.post('/internal/older', async (c) => {
    const ask = parseBody(c, olderRequestSchema)
    return c.json(await bounded((tx) => olderFeed(tx, ask)))
  })
  routes.post('/internal/older-of-author', async (c) => {
    const ask = parseBody(c, olderOfAuthorRequestSchema)
    return c.json(await bounded((tx) => olderOfAuthor(tx, ask)))
  })
  routes.post('/internal/marks', async (c) => {
    const { viewerId, postIds } = parseBody(c, marksRequestSchema)
    return c.json(await marksAmong(db, viewerId, postIds))
  })
  return routes
}
