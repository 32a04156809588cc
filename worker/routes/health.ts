import { Hono } from 'hono'
import type { Readiness } from '../http/readiness.ts'
import type { WorkerEnv } from '../http/request.ts'

const NO_STORE = { 'cache-control': 'no-store' }

/** `/healthz`: the worker runs and its configuration is valid; nobody else is asked. `/readyz`: it can serve reads. */
export function healthRoutes(readiness: Readiness): Hono<WorkerEnv> {
  const routes = new Hono<WorkerEnv>()
  routes.get('/healthz', (c) => c.json({ status: 'ok' }, 200, NO_STORE))
  routes.get('/readyz', async (c) => {
    const verdict = await readiness()
    return c.json(verdict, verdict.status === 'not ready' ? 503 : 200, NO_STORE)
  })
  return routes
}
