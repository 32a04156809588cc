import { type Context, Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { readBody } from '../../contract/body.ts'
import { RAISED_HEADER, REPLAYED_HEADER, VERSION_COOKIE, VERSION_HEADER } from '../../contract/headers.ts'
import { Problem } from '../../contract/problem.ts'
import { encodeVersionToken, joinRaised, parseRaised } from '../../contract/version-token.ts'
import type { Forward } from '../http/forward-port.ts'
import { type HttpParts, idFrom, raisedBy, type WorkerEnv } from '../http/request.ts'

/** The longest body a write may have (bytes): a post of 2,000 characters needs a quarter. */
const MAX_BODY_BYTES = 32 * 1024
const PASSED_ON = ['content-type', 'idempotency-key']
const PASSED_BACK = ['content-type', 'cache-control', 'location', 'retry-after', 'www-authenticate', REPLAYED_HEADER]
/** Seconds the cookie lives: as long as a version token matters. */
const COOKIE_SECONDS = 300

/**
 * Writes belong to the origin, and so do lists that only their owner reads, and the log of activities: the edge knows who calls, signs, passes on, and turns what was raised
 * into a version token.
 */
export function writeRoutes(forward: Forward, http: Pick<HttpParts, 'clock' | 'signingKey'>): Hono<WorkerEnv> {
  async function pass(c: Context<WorkerEnv>): Promise<Response> {
    const { exchange } = c.env
    const { caller } = exchange
    if (!caller) throw new Problem('unauthorized', 'Send a bearer token.', { headers: { 'www-authenticate': 'Bearer' } })
    if (c.req.param('id') !== undefined) idFrom(c.req.param('id'))
    const { pathname, search } = new URL(c.req.url)
    const answer = await forward({
      method: c.req.method,
      path: pathname + search,
      body: await readBody(c.req.raw, MAX_BODY_BYTES),
      headers: pick(c.req.raw.headers, PASSED_ON),
      caller,
      requestId: exchange.requestId,
    })
    const raised = answer.headers.get(RAISED_HEADER)
    // A service writes users: the token is then for the one it wrote, who may have been remembered as unknown a moment ago.
    const readerId = caller.userId ?? c.req.param('id')
    if (raised !== null && readerId !== undefined) {
      const joined = joinRaised((await raisedBy(exchange, http)) ?? {}, parseRaised(raised))
      const token = await encodeVersionToken(await http.signingKey, readerId, joined, http.clock.nowMs())
      c.header(VERSION_HEADER, token)
      const secure = new URL(c.req.url).protocol === 'https:'
      const flags = { path: '/', maxAge: COOKIE_SECONDS, httpOnly: true, sameSite: 'Lax', secure } as const
      if (readerId === caller.userId) setCookie(c, VERSION_COOKIE, token, flags)
    }
    for (const [name, value] of Object.entries(pick(answer.headers, PASSED_BACK))) c.header(name, value)
    return answer.status === 204 ? c.body(null, 204) : c.body(await answer.arrayBuffer(), answer.status as ContentfulStatusCode)
  }

  const routes = new Hono<WorkerEnv>()
  routes.post('/v1/posts', pass)
  routes.delete('/v1/posts/:id', pass)
  for (const verb of ['repost', 'like']) routes.on(['POST', 'DELETE'], `/v1/posts/:id/${verb}`, pass)
  for (const verb of ['follow', 'mute', 'block']) routes.on(['POST', 'DELETE'], `/v1/users/:id/${verb}`, pass)
  routes.on(['PUT', 'DELETE'], '/v1/follow-requests/:id', pass)
  routes.delete('/v1/followers/:id', pass)
  for (const list of ['follow-requests', 'mutes', 'blocks']) routes.get(`/v1/${list}`, pass)
  routes.on(['PUT', 'DELETE'], '/v1/users/:id', pass)
  routes.get('/v1/activities', pass)
  for (const state of ['privacy', 'suspension']) routes.put(`/v1/users/:id/${state}`, pass)
  return routes
}

const pick = (headers: Headers, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : [])))
