import { Hono } from 'hono'
import type { Database } from '../db/client.ts'
import { readFanoutStatus } from '../db/fanout-status.ts'
import type { OriginEnv } from '../http/identity.ts'

/** How fan-out stands: lag, latency, debts, thresholds in force and why, and what is saved: `GET /internal/fanout`. With four million
 * edges and 100,000 jobs that is a third of a second of Postgres: ask every ten seconds, not every one. */
export function fanoutRoutes(db: Database): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.get('/internal/fanout', async (c) => c.json(await readFanoutStatus(db, { exact: false }), 200, { 'cache-control': 'no-store' }))
  return routes
}
