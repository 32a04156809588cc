import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { routePath } from 'hono/route'
import { AGE_HEADER, DEGRADED_HEADER, REPLAYED_HEADER, REQUEST_ID_HEADER, VERSION_HEADER } from '../contract/headers.ts'
import { Problem, renderProblem, toProblem } from '../contract/problem.ts'
import type { Observe } from './cache/events.ts'
import type { FeedParts } from './feed/read-feed.ts'
import type { EventSink } from './http/events.ts'
import type { Forward } from './http/forward-port.ts'
import type { Identify } from './http/identity.ts'
import type { HttpParts, WorkerEnv } from './http/request.ts'
import { cacheHeaders } from './http/respond.ts'
import { createTally } from './http/tally.ts'
import { feedRoutes } from './routes/feeds.ts'
import { healthRoutes } from './routes/health.ts'
import { postRoutes } from './routes/posts.ts'
import { problemRoutes } from './routes/problems.ts'
import { writeRoutes } from './routes/writes.ts'

export interface AppParts {
  readonly feed: FeedParts
  readonly http: HttpParts
  readonly identify: Identify
  readonly forward: Forward
  readonly sink: EventSink
  /** Hears what the cache does, for all requests. */
  readonly observe: Observe
  readonly corsOrigins: readonly string[]
  readonly maxAgeMs: number
  readonly newRequestId: () => string
}

/** The worker's middleware and routes, in order. */
export function createApp({
  feed,
  http,
  identify,
  forward,
  sink,
  observe,
  corsOrigins,
  maxAgeMs,
  newRequestId,
}: AppParts): Hono<WorkerEnv> {
  const app = new Hono<WorkerEnv>()

  app.use(async (c, next) => {
    c.set('startedAtMs', http.clock.nowMs())
    c.set('requestId', newRequestId())
    c.set('tally', createTally(observe))
    c.header(REQUEST_ID_HEADER, c.get('requestId'))
    await next()
    const { tally, startedAtMs } = c.var
    const nowMs = http.clock.nowMs()
    if (c.res.status >= 400 && Number.isFinite(tally.oldestAtMs)) {
      for (const [name, value] of Object.entries(cacheHeaders(tally, startedAtMs, nowMs))) c.header(name, value)
    }
    const totalMs = nowMs - startedAtMs
    const error = c.res.status >= 500 && c.error ? { error: messageOf(c.error) } : {}
    const { method } = c.req
    const about = { atMs: nowMs, route: routePath(c, -1), method, status: c.res.status, totalMs, ...coloOf(c.req.raw), ...error }
    const degraded = c.res.headers.get(DEGRADED_HEADER)?.split(', ') ?? [...tally.degraded]
    sink({ ...about, tally, degraded }, (work) => c.executionCtx.waitUntil(work))
  })
  app.use(
    cors({
      origin: [...corsOrigins],
      credentials: true,
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      allowHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-none-match', VERSION_HEADER],
      exposeHeaders: [
        'etag',
        'cache-status',
        'server-timing',
        'retry-after',
        'location',
        VERSION_HEADER,
        AGE_HEADER,
        DEGRADED_HEADER,
        REPLAYED_HEADER,
        REQUEST_ID_HEADER,
      ],
      maxAge: 600,
    }),
  )
  const open = [healthRoutes(), problemRoutes()]
  for (const route of open) app.route('/', route)
  app.use(async (c, next) => {
    c.set('caller', await identify(c.req.header('authorization')))
    await next()
  })
  const routes = [feedRoutes(feed, http, maxAgeMs), postRoutes(feed, http, maxAgeMs), writeRoutes(forward, http)]
  for (const route of routes) app.route('/', route)

  // A path that exists, asked with another method.
  const methodsOf = Map.groupBy(
    [...open, ...routes].flatMap((route) => route.routes),
    ({ path }) => path,
  )
  for (const [path, offered] of methodsOf) {
    const allow = [...new Set(offered.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].join(', ')
    app.all(path, () => {
      throw new Problem('method-not-allowed', `This path offers ${allow}.`, { headers: { allow } })
    })
  }
  app.notFound((c) => renderProblem(new Problem('not-found', `There is no ${c.req.path} here.`), c.get('requestId')))
  app.onError((error, c) => renderProblem(toProblem(error), c.get('requestId')))
  return app
}

/** Where Cloudflare answers, it says in which data centre. */
function coloOf(request: Request & { readonly cf?: { readonly colo?: unknown } }): { colo?: string } {
  const colo = request.cf?.colo
  return typeof colo === 'string' ? { colo } : {}
}

/** The innermost message: what really went wrong. */
const messageOf = (error: Error): string => (error.cause instanceof Error ? messageOf(error.cause) : error.message)
