import { type Context, Hono } from 'hono'
import { postBody } from '../feed/page-body.ts'
import { readPost } from '../feed/read-author.ts'
import type { FeedParts } from '../feed/read-feed.ts'
import { type HttpParts, pathId, raisedBy, turnOf, type WorkerEnv } from '../http/request.ts'
import { publicFor, respond } from '../http/respond.ts'

/** A single post. */
export function postRoutes(feed: FeedParts, http: HttpParts, maxAgeMs: number): Hono<WorkerEnv> {
  async function onePost(c: Context<WorkerEnv>): Promise<Response> {
    const raised = await raisedBy(c, http)
    const line = await readPost(feed, pathId(c), turnOf(c, raised, http))
    const nowMs = http.clock.nowMs()
    const cacheControl = publicFor(raised, line.verifiedAtMs, maxAgeMs, nowMs)
    return respond(c, nowMs, { body: postBody(line), versions: line.version, cacheControl })
  }

  const routes = new Hono<WorkerEnv>()
  routes.get('/v1/posts/:id', onePost)
  return routes
}
