import { type AGE_HEADER, DEGRADED_HEADER, type REQUEST_ID_HEADER } from '../../contract/headers.ts'
import { matches } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { cacheStatus, serverTiming, type Tally } from './tally.ts'

/** A document to be answered with. */
export interface Document {
  /** Its bytes; asked for at most once, and only where the client lacks them. */
  readonly body: () => Uint8Array<ArrayBuffer>
  /** Its entity tag: another one whenever the body is another. */
  readonly tag: string
  readonly cacheControl: string
  readonly degraded?: readonly string[]
}

/** Which layer answered, and what was waited for. */
export const cacheHeaders = (tally: Tally, startedAtMs: number, nowMs: number): Record<string, string> => ({
  'cache-status': cacheStatus(tally),
  'server-timing': serverTiming(tally, startedAtMs, nowMs),
})

const NONE: readonly string[] = []

/** Answers with a document, or 304 where the client has it. Headers say which layer answered, how long it took and what is amiss. */
export function respond(exchange: Exchange, nowMs: number, { body, tag, cacheControl, degraded = NONE }: Document): Response {
  const { tally, startedAtMs, requestId, origin } = exchange
  // Names are written out: an object of one shape, made anew for each answer, costs a third of one that is put together.
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    etag: tag,
    'cache-control': cacheControl,
    vary: 'authorization, cookie, tideline-version, Origin',
    'cache-status': cacheStatus(tally),
    'server-timing': serverTiming(tally, startedAtMs, nowMs),
    'tideline-age': String(Math.max(0, nowMs - tally.oldestAtMs)),
    'tideline-request-id': requestId,
  } satisfies Record<typeof AGE_HEADER | typeof REQUEST_ID_HEADER, string> & Record<string, string>
  if (origin) Object.assign(headers, origin)
  const reasons = tally.degraded.size + degraded.length === 0 ? NONE : [...new Set([...tally.degraded, ...degraded])].sort()
  if (reasons.length > 0) headers[DEGRADED_HEADER] = reasons.join(', ')
  const response = matches(exchange.request.headers.get('if-none-match'), tag) ? notModified(headers) : new Response(body(), { headers })
  exchange.answered = { degraded: reasons }
  return response
}

function notModified({ 'content-type': _, ...headers }: Record<string, string>): Response {
  return new Response(null, { status: 304, headers })
}

export const PERSONAL = 'private, no-cache'

/** Public documents say what is left of memory's max age; a browser's copy is then no older than ours may be. */
export const publicFor = (verifiedAtMs: number, maxAgeMs: number, nowMs: number): string =>
  `public, max-age=${Math.max(0, Math.floor((verifiedAtMs + maxAgeMs - nowMs) / 1_000))}`
