import { Hono } from 'hono'
import { routePath } from 'hono/route'
import { REQUEST_ID_HEADER } from '../contract/headers.ts'
import { Problem, renderProblem, toProblem } from '../contract/problem.ts'
import type { Observe } from './cache/events.ts'
import type { Reader } from './cache/reader.ts'
import type { FeedParts } from './feed/read-feed.ts'
import { createCors } from './http/cors.ts'
import type { EventSink } from './http/events.ts'
import { type Exchange, openExchange } from './http/exchange.ts'
import type { Forward } from './http/forward-port.ts'
import type { Identify } from './http/identity.ts'
import { loopbackOnly } from './http/loopback.ts'
import type { Readiness } from './http/readiness.ts'
import type { HttpParts, WorkerEnv } from './http/request.ts'
import { cacheHeaders } from './http/respond.ts'
import { createTally } from './http/tally.ts'
import { type DemoParts, demoRoutes } from './routes/demo.ts'
import { healthRoutes } from './routes/health.ts'
import { type LookParts, lookRoutes } from './routes/look.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { problemRoutes } from './routes/problems.ts'
import { createReads, createShortcut, readRoutes } from './routes/reads.ts'
import { writeRoutes } from './routes/writes.ts'

export interface AppParts {
  readonly feed: FeedParts
  readonly http: HttpParts
  readonly identify: Identify
  readonly forward: Forward
  readonly readiness: Readiness
  readonly sink: EventSink
  /** Hears what the cache does, for all requests. */
  readonly observe: Observe
  readonly corsOrigins: readonly string[]
  readonly maxAgeMs: number
  readonly newRequestId: () => string
  /** What the origin's consistency monitor may look at. */
  readonly look: LookParts
  /** Undefined where the demo is off. */
  readonly demo: DemoParts | undefined
}

/** The worker's middleware and routes, in order. */
export function createApp({
  feed,
  http,
  identify,
  forward,
  readiness,
  sink,
  observe,
  corsOrigins,
  maxAgeMs,
  newRequestId,
  look,
  demo,
}: AppParts): Hono<WorkerEnv> {
  const app = new Hono<WorkerEnv>()
  const cors = createCors(corsOrigins)

  app.use(async (c, next) => {
    await next()
    c.env.exchange.route = routePath(c, -1)
  })
  app.use(async (c, next) => (c.req.method === 'OPTIONS' ? cors.preflight() : next()))
  app.use('/demo/:rest{.+}', loopbackOnly) // with a star it would match /demo too
  const open = [healthRoutes(readiness), problemRoutes(), openApiRoutes(), demoRoutes(demo)]
  for (const route of [...open, lookRoutes(look, http.clock)]) app.route('/', route)
  app.use(async ({ env: { exchange } }, next) => {
    exchange.caller = await identify(exchange.request.headers.get('authorization'))
    await next()
  })
  const reads = createReads(feed, http, maxAgeMs)
  const routes = [readRoutes(reads), writeRoutes(forward, http)]
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
  app.notFound((c) => renderProblem(new Problem('not-found', `There is no ${c.req.path} here.`), c.env.exchange.requestId))
  app.onError((error, c) => {
    c.env.exchange.error = error
    return renderProblem(toProblem(error), c.env.exchange.requestId)
  })

  /** An isolate stays where it is; to ask costs a tenth of a cached page, so a request or two that do not know are asked no more. */
  let colo: string | undefined
  let asks = 0
  const route = app.fetch
  const shortcut = createShortcut(reads, identify)
  app.fetch = (request, _env, context) => {
    const origin = request.headers.get('origin')
    const exchange = openExchange({
      request,
      context: context as Reader,
      startedAtMs: http.clock.nowMs(),
      requestId: newRequestId(),
      tally: createTally(observe),
      origin: origin === null ? undefined : cors.headersFor(origin),
    })
    const response = shortcut(exchange) ?? route(request, { exchange }, context)
    return response instanceof Promise ? response.then((settled) => close(exchange, settled)) : close(exchange, response)
  }

  /** Tells of the request, and puts on what the answers of `respond` have already. */
  function close(exchange: Exchange, response: Response): Response {
    const { method, route, startedAtMs, tally, error, answered, context, request } = exchange
    const { status } = response
    const nowMs = http.clock.nowMs()
    if (!answered) dress(response, exchange, nowMs)
    if (colo === undefined && asks++ < MAX_COLO_ASKS) colo = coloOf(request)
    const about = { atMs: nowMs, route, method, status, totalMs: nowMs - startedAtMs, colo }
    const degraded = answered?.degraded ?? [...tally.degraded]
    sink({ ...about, tally, degraded, error: status >= 500 && error ? messageOf(error) : undefined }, (work) => context.waitUntil(work))
    return response
  }

  function dress({ status, headers }: Response, { requestId, origin, tally, startedAtMs }: Exchange, nowMs: number): void {
    const cached = status >= 400 && Number.isFinite(tally.oldestAtMs) ? cacheHeaders(tally, startedAtMs, nowMs) : {}
    for (const [name, value] of Object.entries({ [REQUEST_ID_HEADER]: requestId, ...origin, ...cached })) headers.set(name, value)
    headers.append('vary', 'Origin')
  }

  return app
}

const MAX_COLO_ASKS = 100

/** Where Cloudflare answers, it says in which data centre. */
function coloOf(request: Request & { readonly cf?: { readonly colo?: unknown } }): string | undefined {
  const colo = request.cf?.colo
  return typeof colo === 'string' ? colo : undefined
}

/** The innermost message: what really went wrong. */
const messageOf = (error: Error): string => (error.cause instanceof Error ? messageOf(error.cause) : error.message)
