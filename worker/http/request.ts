import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { VERSION_COOKIE, VERSION_HEADER } from '../../contract/headers.ts'
import { isId } from '../../contract/ids.ts'
import { MAX_PAGE_SIZE, pageSizeSchema } from '../../contract/post.ts'
import { Problem } from '../../contract/problem.ts'
import type { Caller } from '../../contract/signature.ts'
import type { SigningKey } from '../../contract/signed.ts'
import { decodeVersionToken, type Raised } from '../../contract/version-token.ts'
import type { Turn } from '../cache/reader.ts'
import type { Tally } from './tally.ts'

/** What the middleware leaves on the context. */
export interface WorkerEnv {
  Variables: { caller: Caller | undefined; requestId: string; tally: Tally; startedAtMs: number }
}

/** What requests are read and answered with. */
export interface HttpParts {
  readonly clock: { nowMs(): number }
  readonly random: () => number
  /** Signs cursors and version tokens. */
  readonly signingKey: Promise<SigningKey>
}

/** The id in the path. */
export function pathId(c: Context<WorkerEnv>): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw new Problem('bad-request', 'An id is a string of 19 digits.')
  return id
}

/** `limit`, in digits and nothing else: no sign, no point, no exponent. */
export function pageSize(c: Context<WorkerEnv>): number {
  const text = c.req.query('limit')
  const limit = pageSizeSchema.safeParse(text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : text)
  if (!limit.success) throw new Problem('bad-request', `limit is a whole number from 1 to ${MAX_PAGE_SIZE}.`)
  return limit.data
}

/** The version token a client sent, as header or cookie: what its reads insist on. */
export async function raisedBy(c: Context<WorkerEnv>, { clock, signingKey }: Omit<HttpParts, 'random'>): Promise<Raised> {
  const viewerId = c.get('caller')?.userId
  const token = c.req.header(VERSION_HEADER) ?? getCookie(c, VERSION_COOKIE)
  return token === undefined || viewerId === undefined ? {} : decodeVersionToken(await signingKey, viewerId, token, clock.nowMs())
}

/** What this request brings to the cache. Work behind the answer never fails it. */
export function turnOf(c: Context<WorkerEnv>, raised: Raised, { random }: HttpParts): Turn {
  return {
    reader: c.executionCtx,
    leastTruth: Object.keys(raised).length > 0 ? (key) => raised[key] ?? 0 : undefined,
    observe: c.get('tally').observe,
    dice: random(),
  }
}
