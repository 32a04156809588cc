import { verify } from 'hono/jwt'
import { isId } from '../../contract/ids.ts'
import { Problem } from '../../contract/problem.ts'
import type { Caller } from '../../contract/signature.ts'

/** Tells who is calling from an Authorization header; undefined where there is none. Throws `unauthorized` where it is no good. */
export type Identify = (authorization: string | null) => Promise<Caller | undefined> | Caller | undefined

/** A verdict is believed for this long, and never beyond the token's own end (milliseconds). */
const VERDICT_MS = 60_000
const MAX_VERDICTS = 10_000

/**
 * Bearer JWTs (RFC 6750, RFC 7519), HS256 only: a token that names another algorithm, or none, is refused. `sub` is a user's id;
 * `role: "service"` marks a service. A token that any of the secrets signed is good: two while one is rotated. Verdicts are remembered,
 * for a verification costs more than the rest of a cached read.
 */
export function createIdentify(secrets: readonly string[], clock: { nowMs(): number }): Identify {
  const verdicts = new Map<string, { readonly caller: Caller; readonly untilMs: number }>()
  async function judge(authorization: string): Promise<Caller> {
    const token = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1]
    if (token === undefined) throw refusal('The Authorization header is not a bearer token.')
    const { caller, expiresAtMs } = await verdictOf(token, secrets)
    // One spelling of a token is remembered, or its owner could fill an isolate with others.
    if (authorization !== `Bearer ${token}`) return caller
    if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
    verdicts.set(authorization, { caller, untilMs: Math.min(expiresAtMs, clock.nowMs() + VERDICT_MS) })
    return caller
  }
  return (authorization) => {
    if (authorization === null) return undefined
    const known = verdicts.get(authorization)
    return known && clock.nowMs() < known.untilMs ? known.caller : judge(authorization)
  }
}

async function verdictOf(token: string, secrets: readonly string[]): Promise<{ caller: Caller; expiresAtMs: number }> {
  const claims = await claimsOf(token, secrets)
  if (typeof claims.exp !== 'number') throw refusal('The token has no expiry (exp).')
  const expiresAtMs = claims.exp * 1_000
  if (claims.role === 'service') return { caller: { service: true }, expiresAtMs }
  const subject = claims.sub
  if (typeof subject !== 'string' || !isId(subject)) throw refusal('The subject (sub) of the token is not a user id of 19 digits.')
  return { caller: { userId: subject }, expiresAtMs }
}

async function claimsOf(token: string, secrets: readonly string[]) {
  let refused: unknown
  for (const secret of secrets) {
    try {
      // `iat` is not looked at: an issuer whose clock is a second ahead of the edge would lock its users out (RFC 7519 asks for no such check).
      return await verify(token, secret, { alg: 'HS256', iat: false })
    } catch (error) {
      refused = error
    }
  }
  const expired = refused instanceof Error && refused.name === 'JwtTokenExpired'
  throw refusal(expired ? 'The token has expired.' : 'The token is not valid.')
}

const refusal = (detail: string): Problem =>
  new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })

/** The user a request must come from. */
export function requireUser(caller: Caller | undefined): string {
  if (!caller) throw new Problem('unauthorized', 'Send a bearer token of a user.', { headers: { 'www-authenticate': 'Bearer' } })
  if (caller.userId === undefined) throw new Problem('forbidden', 'This needs the token of a user, not of a service.')
  return caller.userId
}
