import { type Context, Hono } from 'hono'
import { parseJson, readBody } from '../../contract/body.ts'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { LOOK_PATH, lookRequestSchema } from '../../contract/look.ts'
import { Problem } from '../../contract/problem.ts'
import { verifyRequest } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'
import type { LookInside } from '../feed/look.ts'
import type { WorkerEnv } from '../http/request.ts'

export interface LookParts {
  readonly look: LookInside
  /** Shared with the origin, which signs the question. */
  readonly edgeKey: Promise<SigningKey>
}

/** The longest question (bytes). */
const MAX_BODY_BYTES = 16_384

/** What this isolate would answer, for the origin's consistency monitor. To strangers there is nothing here, whatever they send. */
export function lookRoutes({ look, edgeKey }: LookParts, clock: { nowMs(): number }): Hono<WorkerEnv> {
  async function answer(c: Context<WorkerEnv>): Promise<Response> {
    const nothing = new Problem('not-found', `There is no ${LOOK_PATH} here.`)
    const signature = c.req.header(SIGNATURE_HEADER)
    const body = await readBody(c.req.raw, MAX_BODY_BYTES).catch(() => Promise.reject(nothing))
    const request = { method: 'POST', target: LOOK_PATH, body }
    const caller = signature === undefined ? undefined : await verifyRequest(await edgeKey, request, signature, clock.nowMs())
    if (!caller) throw nothing
    const { keys } = parseJson(c.req.header('content-type'), body, lookRequestSchema)
    return c.json({ values: await look(keys) }, 200, { 'cache-control': 'no-store' })
  }

  const routes = new Hono<WorkerEnv>()
  routes.post(LOOK_PATH, answer)
  return routes
}
