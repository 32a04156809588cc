import { type SigningKey, seal, sha256Hex, unseal } from './signed.ts'

/** How long a signed request may take to arrive (milliseconds), clock differences included. */
export const SIGNATURE_LIFE_MS = 30_000

/** Who a forwarded request acts for: nobody (the worker's own batch reads), a user, or a service. */
export interface Caller {
  readonly userId?: string
  readonly service?: boolean
}

interface SignedRequest {
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  readonly body: Uint8Array<ArrayBuffer>
}

const purposeOf = async (key: SigningKey, { method, target, body }: SignedRequest): Promise<string> =>
  `request:${method} ${target}\n${await sha256Hex(body, key)}`

/** The signature header of a request from the edge to the origin: names the caller and ends at an expiry. */
export async function signRequest(key: SigningKey, request: SignedRequest, caller: Caller, nowMs: number): Promise<string> {
  const payload = { exp: nowMs + SIGNATURE_LIFE_MS, ...caller }
  return seal(key, await purposeOf(key, request), JSON.stringify(payload))
}

/** The caller of a signed request, or undefined when the signature is missing, wrong, expired or of another request. */
export async function verifyRequest(key: SigningKey, request: SignedRequest, header: string, nowMs: number): Promise<Caller | undefined> {
  const payload = await unseal(key, await purposeOf(key, request), header)
  if (payload === undefined) return undefined
  const { exp, ...caller } = JSON.parse(payload) as Caller & { readonly exp: number }
  return exp > nowMs && exp <= nowMs + 2 * SIGNATURE_LIFE_MS ? caller : undefined
}
