import { type Context, Hono } from 'hono'
import { MAX_DEMO_READERS, readersQuerySchema, watchRequestSchema, watchSchema } from '../../contract/demo.ts'
import { loadRequestSchema } from '../../contract/internal.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { Problem } from '../../contract/problem.ts'
import type { Database } from '../db/client.ts'
import { demoReaders } from '../db/demo.ts'
import { insertInvalidations } from '../db/invalidations.ts'
import { findPosts } from '../db/posts.ts'
import type { Delivery } from '../fanout/deliver.ts'
import { parseBody } from '../http/body.ts'
import type { OriginEnv } from '../http/identity.ts'
import { truthOfPost } from '../timelines/payloads.ts'

interface Parts {
  readonly db: Database
  readonly delivery: Pick<Delivery, 'invalidate'>
}

/** Watches that are kept; a worker has one at a time. */
const MAX_WATCHES = 16

/** What the worker's demo asks (`contract/demo.ts`), and the count of the loads it watches. Goes before shedding: refused loads count too. */
export function demoRoutes({ db, delivery }: Parts): Hono<OriginEnv> {
  const watches = new Map<string, { readonly key: string; loads: number }>()
  let lastWatch = 0

  async function watch(c: Context<OriginEnv>): Promise<Response> {
    const { post_id: postId } = parseBody(c, watchRequestSchema)
    const [post] = await findPosts(db, [postId])
    if (!post || post.deleted) throw new Problem('not-found', `There is no post ${postId}.`)
    const key = keyOf.post(postId, 'public')
    const name = String(++lastWatch)
    watches.set(name, { key, loads: 0 })
    for (const old of watches.keys()) if (watches.size > MAX_WATCHES) watches.delete(old)
    // The next version drops what is stored of this one and voids its lease, but not what a delete may store meanwhile. No value is
    // written, so whatever comes next is loaded from here.
    const drop = await insertInvalidations(db, [{ key, truth: truthOfPost(post) + 1, replacement: null }])
    await delivery.invalidate(drop).catch((cause) => {
      throw new Problem('origin-unavailable', 'Redis did not acknowledge in time, so the post is not cold.', { cause })
    })
    return c.json({ watch: name })
  }

  const routes = new Hono<OriginEnv>()
  routes.use('/internal/load', async (c, next) => {
    if (watches.size > 0) {
      const { keys } = parseBody(c, loadRequestSchema)
      for (const watched of watches.values()) if (keys.includes(watched.key)) watched.loads++
    }
    await next()
  })
  routes.post('/internal/demo/readers', async (c) => {
    const { query, viewer } = parseBody(c, readersQuerySchema)
    return c.json({ readers: await demoReaders(db, { query, viewerId: viewer, limit: MAX_DEMO_READERS }) })
  })
  routes.post('/internal/demo/watch', watch)
  routes.post('/internal/demo/watched', (c) => {
    const watched = watches.get(parseBody(c, watchSchema).watch)
    if (!watched) throw new Problem('not-found', 'There is no such watch.')
    return c.json({ origin_loads: watched.loads })
  })
  return routes
}
