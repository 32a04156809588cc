import { type Context, Hono } from 'hono'
import { parseJson, readBody } from '../../contract/body.ts'
import { crowdRequestSchema, readersQuerySchema } from '../../contract/demo.ts'
import { invalid, Problem } from '../../contract/problem.ts'
import type { Crowd } from '../demo/crowd.ts'
import type { DemoOrigin } from '../demo/origin.ts'
import type { IssueToken } from '../demo/token.ts'
import { isLocal } from '../http/loopback.ts'
import { idFrom, type WorkerEnv } from '../http/request.ts'

export interface DemoParts {
  readonly origin: DemoOrigin
  readonly issueToken: IssueToken
  readonly crowd: Crowd
}

/** The longest body (bytes). */
const MAX_BODY_BYTES = 1_024
const NO_STORE = { 'cache-control': 'no-store' }

/** What the reader page asks beside the API (`contract/demo.ts`). Without parts there is only the answer that there is nothing. */
export function demoRoutes(demo: DemoParts | undefined): Hono<WorkerEnv> {
  const routes = new Hono<WorkerEnv>()
  routes.get('/demo', (c) => c.json({ enabled: demo !== undefined && isLocal(c) }, 200, NO_STORE))
  if (!demo) return routes

  async function readers(c: Context<WorkerEnv>, { origin }: DemoParts): Promise<Response> {
    const query = readersQuerySchema.safeParse(c.req.query())
    if (!query.success) throw invalid('The query is not valid', query.error.issues)
    return c.json(await origin.readers(query.data), 200, NO_STORE)
  }

  async function token(c: Context<WorkerEnv>, { origin, issueToken }: DemoParts): Promise<Response> {
    const id = idFrom(c.req.param('id'))
    const found = await origin.readers({ query: id })
    if (!found.readers.some((reader) => reader.id === id)) throw new Problem('not-found', `There is no user ${id}.`)
    return c.json(await issueToken(id), 200, NO_STORE)
  }

  async function crowd(c: Context<WorkerEnv>, demo: DemoParts): Promise<Response> {
    const request = parseJson(c.req.header('content-type'), await readBody(c.req.raw, MAX_BODY_BYTES), crowdRequestSchema)
    return c.body(await demo.crowd(request, c.executionCtx), 200, { ...NO_STORE, 'content-type': 'application/x-ndjson' })
  }

  routes.get('/demo/readers', (c) => readers(c, demo))
  routes.post('/demo/readers/:id/token', (c) => token(c, demo))
  routes.post('/demo/crowd', (c) => crowd(c, demo))
  return routes
}
