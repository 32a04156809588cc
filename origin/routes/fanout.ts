import { Hono } from 'hono'
import type { Database } from '../db/client.ts'
import { readFanoutStatus } from '../db/fanout-status.ts'
import type { OriginEnv } from '../http/identity.ts'

/** How fan-out stands: lag, latency, debts, thresholds in force and why, and what is saved: `GET /internal/fanout`. It keeps
 * a connection of Postgres busy for some 300 ms where four million edges are there and 100,000 jobs wait: ask every ten seconds, not every second. */
export function fanoutRoutes(db: Database): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.get('/internal/fanout', async (c) => c.json(await readFanoutStatus(db, { exact: false }), 200, { 'cache-control': 'no-store' }))
  return routes
}
