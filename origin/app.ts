import { Hono } from 'hono'
import { REQUEST_ID_HEADER } from '../contract/headers.ts'
import type { ListFormat } from '../contract/l2/codec.ts'
import { Problem, renderProblem, toProblem } from '../contract/problem.ts'
import type { SigningKey } from '../contract/signed.ts'
import type { Rollup } from './analytics/rollup.ts'
import type { Database } from './db/client.ts'
import type { Delivery } from './fanout/deliver.ts'
import type { RoutingRules } from './fanout/route.ts'
import type { Settle } from './fanout/settle.ts'
import { type OriginEnv, requireSignature } from './http/identity.ts'
import type { Readiness } from './http/readiness.ts'
import { type ShedEvent, shedAbove } from './http/shed.ts'
import { CannotMint } from './ids/mint.ts'
import { accountRoutes } from './routes/accounts.ts'
import { activityRoutes } from './routes/activities.ts'
import { consistencyRoutes } from './routes/consistency.ts'
import { demoRoutes } from './routes/demo.ts'
import { fanoutRoutes } from './routes/fanout.ts'
import { followRoutes } from './routes/follows.ts'
import { healthRoutes } from './routes/health.ts'
import { internalRoutes } from './routes/internal.ts'
import { likeRoutes } from './routes/likes.ts'
import { peopleRoutes } from './routes/people.ts'
import { pointRoutes } from './routes/points.ts'
import { type JobParts, postRoutes } from './routes/posts.ts'
import { relationRoutes } from './routes/relations.ts'
import { routeRoutes } from './routes/route.ts'
import { userRoutes } from './routes/users.ts'
import type { Rebuilds } from './timelines/rebuild.ts'

export type RequestEvent =
  | ShedEvent
  | { readonly type: 'load'; readonly keys: readonly string[] }
  | { readonly type: 'request-failed'; readonly requestId: string; readonly error: unknown }

interface Parts {
  readonly db: Database
  readonly edgeKey: SigningKey
  readonly clock: { nowMs(): number }
  readonly mint: () => bigint
  readonly settle: Settle
  readonly jobs: JobParts
  readonly routing: () => Promise<RoutingRules>
  readonly readiness: Readiness
  readonly rollup: Rollup
  readonly rebuilds: Pick<Rebuilds, 'later'>
  /** How lists of entries are answered. */
  readonly listFormat: ListFormat
  readonly maxConcurrentRequests: number
  /** What the reader page's demo needs; undefined where it is off. */
  readonly demo: { readonly delivery: Delivery } | undefined
  readonly newRequestId: () => string
  readonly observe: (event: RequestEvent) => void
}

/** The origin's routes in order. Everything but health is for the edge alone. */
export function createApp({
  db,
  edgeKey,
  clock,
  mint,
  settle,
  jobs,
  routing,
  readiness,
  rollup,
  rebuilds,
  listFormat,
  maxConcurrentRequests,
  demo,
  newRequestId,
  observe,
}: Parts): Hono<OriginEnv> {
  const app = new Hono<OriginEnv>()
  app.use(async (c, next) => {
    c.set('requestId', c.req.header(REQUEST_ID_HEADER) ?? newRequestId())
    await next()
  })
  app.route('/', healthRoutes(readiness))
  // The signature first: what strangers send takes no place from the edge.
  app.use(requireSignature(edgeKey, clock))
  if (demo) app.route('/', demoRoutes({ db, ...demo }))
  app.route('/', pointRoutes(rollup))
  app.route('/', consistencyRoutes(db))
  app.route('/', fanoutRoutes(db))
  app.route('/', routeRoutes(db, routing))
  app.use(shedAbove(maxConcurrentRequests, observe))
  app.route('/', internalRoutes({ db, rebuilds, listFormat, observe }))
  app.route('/', postRoutes({ db, mint, settle, jobs }))
  app.route('/', likeRoutes({ db, settle }))
  app.route('/', followRoutes({ db, settle }))
  app.route('/', relationRoutes({ db, settle }))
  app.route('/', peopleRoutes({ db }))
  app.route('/', userRoutes({ db, settle }))
  app.route('/', accountRoutes({ db, settle }))
  app.route('/', activityRoutes({ db }))
  app.notFound((c) => renderProblem(new Problem('not-found', `The origin has no ${c.req.method} ${c.req.path}.`), c.get('requestId')))
  app.onError((error, c) => {
    const problem = error instanceof CannotMint ? new Problem('clock-skew', error.message) : toProblem(error)
    // What is shed has been told, once for all.
    if (problem.status >= 500 && problem.slug !== 'overloaded') observe({ type: 'request-failed', requestId: c.get('requestId'), error })
    return renderProblem(problem, c.get('requestId'))
  })
  return app
}
