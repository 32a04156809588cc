import { Hono } from 'hono'
import { Problem } from '../../contract/problem.ts'
import type { Database } from '../db/client.ts'
import { readConsistency } from '../db/consistency.ts'
import type { OriginEnv } from '../http/identity.ts'

/** Minutes told unless asked otherwise, and at most: a day. */
const DEFAULT_MINUTES = 60
const MAX_MINUTES = 1_440

/** What the consistency monitor found, minute by minute, newest first: `GET /internal/consistency?minutes=60`. */
export function consistencyRoutes(db: Database): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.get('/internal/consistency', async (c) => {
    const text = c.req.query('minutes') ?? String(DEFAULT_MINUTES)
    const minutes = /^\d{1,4}$/.test(text) ? Number(text) : 0
    if (minutes < 1 || minutes > MAX_MINUTES) throw new Problem('bad-request', `minutes is a whole number from 1 to ${MAX_MINUTES}.`)
    return c.json({ minutes: await readConsistency(db, minutes) }, 200, { 'cache-control': 'no-store' })
  })
  return routes
}
