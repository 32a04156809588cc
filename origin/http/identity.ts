import type { Context, MiddlewareHandler } from 'hono'
import { readBody } from '../../contract/body.ts'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { isId } from '../../contract/ids.ts'
import { Problem } from '../../contract/problem.ts'
import { type Caller, verifyRequest } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'

/** What the middleware leaves on the context for the routes. */
export interface OriginEnv {
  Variables: { caller: Caller; body: Uint8Array<ArrayBuffer>; requestId: string }
}

/** The longest body read (bytes): a batch of a thousand keys. */
const MAX_BODY_BYTES = 128 * 1024

/** Lets in only what the edge has signed, within the life of the signature, and knows from it who is calling. */
export function requireSignature(key: SigningKey, clock: { nowMs(): number }): MiddlewareHandler<OriginEnv> {
  return async (c, next) => {
    const signature = c.req.header(SIGNATURE_HEADER)
    if (signature === undefined) throw unsigned()
    const body = await readBody(c.req.raw, MAX_BODY_BYTES)
    const { pathname, search } = new URL(c.req.url)
    const request = { method: c.req.method, target: pathname + search, body }
    const caller = await verifyRequest(key, request, signature, clock.nowMs())
    if (!caller) throw unsigned()
    c.set('caller', caller)
    c.set('body', body)
    await next()
  }
}

const unsigned = (): Problem =>
  new Problem('unauthorized', 'The request carries no valid signature of the edge.', {
    headers: { 'www-authenticate': 'Tideline-Signature' },
  })

/** The user a request acts for. */
export function actingUser(c: Context<OriginEnv>): bigint {
  const { userId } = c.get('caller')
  if (userId === undefined || !isId(userId)) throw new Problem('forbidden', 'This needs the token of a user.')
  return BigInt(userId)
}

/** The token is good, but nobody has this id: never created, or deleted. */
export const unknownCaller = (userId: bigint): Problem =>
  new Problem('unauthorized', `There is no user ${userId}.`, { headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
