import { type Context, Hono } from 'hono'
import { openApiDocument } from '../../contract/api/document.ts'
import { entityTagOf, fingerprintOf } from '../feed/entity-tag.ts'
import { matches } from '../http/conditional.ts'
import type { WorkerEnv } from '../http/request.ts'

/** `/openapi.json`: the API as OpenAPI 3.1, made when an isolate is first asked for it. A new version may show after five minutes. */
export function openApiRoutes(): Hono<WorkerEnv> {
  let made: { readonly text: string; readonly tag: string } | undefined

  function openApi(c: Context<WorkerEnv>): Response {
    if (!made) {
      const text = JSON.stringify(openApiDocument())
      made = { text, tag: entityTagOf(fingerprintOf(text)) }
    }
    const headers = { etag: made.tag, 'cache-control': 'public, max-age=300' }
    if (matches(c.req.raw.headers.get('if-none-match'), made.tag)) return c.body(null, 304, headers)
    return c.body(made.text, 200, { ...headers, 'content-type': 'application/json; charset=utf-8' })
  }

  const routes = new Hono<WorkerEnv>()
  routes.get('/openapi.json', openApi)
  return routes
}
