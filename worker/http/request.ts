import { parse as parseCookies } from 'hono/utils/cookie'
import { VERSION_COOKIE, VERSION_HEADER } from '../../contract/headers.ts'
import { isId } from '../../contract/ids.ts'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { SigningKey } from '../../contract/signed.ts'
import { decodeVersionToken, type Raised } from '../../contract/version-token.ts'
import type { Turn } from '../cache/reader.ts'
import type { Exchange } from './exchange.ts'

/** What a handler finds on hono's context. */
export interface WorkerEnv {
  Bindings: { readonly exchange: Exchange }
}

/** What requests are read and answered with. */
export interface HttpParts {
  readonly clock: { nowMs(): number }
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Signs cursors and version tokens. */
  readonly signingKey: Promise<SigningKey>
}

/** An id of a path. */
export function idFrom(text: string | undefined): string {
  if (text === undefined || !isId(text)) throw new Problem('bad-request', 'An id is a string of 19 digits.')
  return text
}

/** A parameter of the query; null where there is none. */
export function queryOf({ query }: Exchange, name: string): string | null {
  if (query === '') return null
  const [only, value] = PLAIN.exec(query)?.slice(1) ?? []
  if (only !== undefined && value !== undefined) return only === name ? value : null
  return new URLSearchParams(query).get(name)
}

/** One parameter and nothing to decode in it, which is most queries. */
const PLAIN = /^([a-z]+)=([\w.-]*)$/

/** `limit`, in digits and nothing else: no sign, no point, no exponent. */
export function pageSize(exchange: Exchange): number {
  const text = queryOf(exchange, 'limit')
  if (text === null) return DEFAULT_PAGE_SIZE
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_PAGE_SIZE) throw new Problem('bad-request', `limit is a whole number from 1 to ${MAX_PAGE_SIZE}.`)
  return limit
}

/** May this request bring a version token? Most do not. */
export const mayInsist = ({ caller, request: { headers } }: Exchange): boolean =>
  caller?.userId !== undefined && (headers.has(VERSION_HEADER) || headers.has('cookie'))

/** The version token a client sent, as header or cookie: what its reads insist on; undefined where that is nothing. */
export async function raisedBy(
  { caller, request }: Exchange,
  { clock, signingKey }: Pick<HttpParts, 'clock' | 'signingKey'>,
): Promise<Raised | undefined> {
  const viewerId = caller?.userId
  if (viewerId === undefined) return undefined
  const token = request.headers.get(VERSION_HEADER) ?? cookieOf(request)
  if (token === undefined) return undefined
  const raised = await decodeVersionToken(await signingKey, viewerId, token, clock.nowMs())
  return Object.keys(raised).length > 0 ? raised : undefined
}

function cookieOf({ headers }: Request): string | undefined {
  const cookies = headers.get('cookie')
  return cookies === null ? undefined : parseCookies(cookies, VERSION_COOKIE)[VERSION_COOKIE]
}

/** What this request brings to the cache. */
export function turnOf({ context, tally }: Exchange, raised: Raised | undefined, { random }: HttpParts): Turn {
  return { reader: context, leastTruth: raised && ((key) => raised[key] ?? 0), observe: tally.observe, dice: random() }
}
