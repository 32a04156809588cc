import { Hono } from 'hono'
import type { Readiness } from '../http/readiness.ts'

const NO_STORE = { 'cache-control': 'no-store' }

/** `/healthz`: the process lives; nobody else is asked. `/readyz`: it may take traffic. */
export function healthRoutes(readiness: Readiness): Hono {
  const routes = new Hono()
  routes.get('/healthz', (c) => c.json({ status: 'ok' }, 200, NO_STORE))
  routes.get('/readyz', async (c) => {
    const verdict = await readiness()
    return c.json(verdict, verdict.status === 'not ready' ? 503 : 200, NO_STORE)
  })
  return routes
}
