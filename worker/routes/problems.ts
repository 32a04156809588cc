import { Hono } from 'hono'
import { PROBLEMS } from '../../contract/problem.ts'
import type { WorkerEnv } from '../http/request.ts'

/** Where the `type` of a problem leads: what it is called, and where it is explained. */
export function problemRoutes(): Hono<WorkerEnv> {
  const routes = new Hono<WorkerEnv>()
  for (const [slug, [status, title]] of Object.entries(PROBLEMS)) {
    routes.get(`/problems/${slug}`, (c) =>
      c.text(`${status} ${slug}\n\n${title}.\n\ndocs/problems/${slug}.md of Tideline's repository explains it.\n`, 200, {
        'cache-control': 'public, max-age=3600',
      }),
    )
  }
  return routes
}
