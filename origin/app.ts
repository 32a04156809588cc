import { Hono } from 'hono'
import { REQUEST_ID_HEADER } from '../contract/headers.ts'
import { Problem, renderProblem, toProblem } from '../contract/problem.ts'
import type { SigningKey } from '../contract/signed.ts'
import type { Rollup } from './analytics/rollup.ts'
import type { Database } from './db/client.ts'
import type { Settle } from './fanout/settle.ts'
import { type OriginEnv, requireSignature } from './http/identity.ts'
import { shedAbove } from './http/shed.ts'
import { CannotMint } from './ids/mint.ts'
import { followRoutes } from './routes/follows.ts'
import { type Health, healthRoutes } from './routes/health.ts'
import { internalRoutes } from './routes/internal.ts'
import { pointRoutes } from './routes/points.ts'
import { postRoutes } from './routes/posts.ts'
import { userRoutes } from './routes/users.ts'

export type RequestEvent =
  | { readonly type: 'load'; readonly keys: readonly string[] }
  | { readonly type: 'request-failed'; readonly requestId: string; readonly error: unknown }

interface Parts {
  readonly db: Database
  readonly edgeKey: SigningKey
  readonly clock: { nowMs(): number }
  readonly mint: () => bigint
  readonly settle: Settle
  readonly rollup: Rollup
  readonly health: Health
  readonly maxConcurrentRequests: number
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
  rollup,
  health,
  maxConcurrentRequests,
  newRequestId,
  observe,
}: Parts): Hono<OriginEnv> {
  const app = new Hono<OriginEnv>()
  app.use(async (c, next) => {
    c.set('requestId', c.req.header(REQUEST_ID_HEADER) ?? newRequestId())
    await next()
  })
  app.route('/', healthRoutes(health))
  // The signature first: what strangers send takes no place from the edge.
  app.use(requireSignature(edgeKey, clock))
  app.route('/', pointRoutes(rollup))
  app.use(shedAbove(maxConcurrentRequests))
  app.route('/', internalRoutes({ db, observe }))
  app.route('/', postRoutes({ db, mint, settle }))
  app.route('/', followRoutes({ db, settle }))
  app.route('/', userRoutes({ db, settle }))
  app.notFound((c) => renderProblem(new Problem('not-found', `The origin has no ${c.req.method} ${c.req.path}.`), c.get('requestId')))
  app.onError((error, c) => {
    const problem = error instanceof CannotMint ? new Problem('clock-skew', error.message) : toProblem(error)
    if (problem.status >= 500) observe({ type: 'request-failed', requestId: c.get('requestId'), error })
    return renderProblem(problem, c.get('requestId'))
  })
  return app
}
