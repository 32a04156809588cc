import { Hono } from 'hono'

/** What readiness depends on. */
export interface Health {
  /** Rejects when Postgres cannot be asked. */
  database(): Promise<unknown>
  /** How long ago Redis acknowledged something, milliseconds. */
  redisSilentMs(): number
}

/** `/healthz`: the process lives. `/readyz`: it can serve; a Redis that is down degrades, it does not unready. */
export function healthRoutes(health: Health): Hono {
  const routes = new Hono()
  routes.get('/healthz', (c) => c.json({ status: 'ok' }))
  routes.get('/readyz', async (c) => {
    const database = await health.database().then(
      () => true,
      () => false,
    )
    const redis = health.redisSilentMs() < 5_000
    return c.json({ status: database ? 'ready' : 'not ready', database, redis }, database ? 200 : 503)
  })
  return routes
}
