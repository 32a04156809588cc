import { Hono } from 'hono'
import type { WorkerEnv } from '../http/request.ts'

/** `/healthz`: the worker runs and its configuration is valid. */
export function healthRoutes(): Hono<WorkerEnv> {
  const routes = new Hono<WorkerEnv>()
  routes.get('/healthz', (c) => c.json({ status: 'ok' }, 200, { 'cache-control': 'no-store' }))
  return routes
}
