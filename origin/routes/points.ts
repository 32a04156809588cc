import { Hono } from 'hono'
import { pointsRequestSchema } from '../../contract/analytics.ts'
import { Problem } from '../../contract/problem.ts'
import type { Rollup } from '../analytics/rollup.ts'
import { parseBody } from '../http/body.ts'
import type { OriginEnv } from '../http/identity.ts'

/** Where isolates send their data points. Nothing is asked of Postgres here, so it takes no place from what readers need. */
export function pointRoutes(rollup: Rollup): Hono<OriginEnv> {
  const routes = new Hono<OriginEnv>()
  routes.post('/internal/points', (c) => {
    const { points } = parseBody(c, pointsRequestSchema)
    if (!rollup.add(points)) throw new Problem('overloaded', 'More analytics than can be written.')
    return c.json({ taken: points.length }, 202)
  })
  return routes
}
