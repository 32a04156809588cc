import { Hono } from 'hono'
import type { Readiness } from '../http/readiness.ts'

/** `/healthz`: the process lives; nobody else is asked. `/readyz`: it may take traffic. */
export function healthRoutes(readiness: Readiness): Hono {
  const routes = new Hono()
  routes.use(async (c, next) => {
    await next()
    c.header('cache-control', 'no-store')
  })
  routes.get('/healthz', (c) => c.json({ status: 'ok' }))
  routes.get('/readyz', async (c) => {
    const verdict = await readiness()
    return c.json(verdict, verdict.status === 'not ready' ? 503 : 200)
  })
  return routes
}
