import { AGE_HEADER, COMPLETENESS_HEADER, DEGRADED_HEADER, REQUEST_ID_HEADER } from '../../contract/headers.ts'
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

/** Reasons that take no post from an answer. Any other may: what is older than it should be may lack what is new. */
const LACKS_NOTHING: ReadonlySet<string> = new Set(['mine-unknown'])

const CONTENT_TYPE = 'application/json; charset=utf-8'
const VARY = 'authorization, cookie, tideline-version, Origin'

/**
 * What the last document was answered with. A Response copies the headers it is given (Fetch standard, "fill"), so one object serves all,
 * and only what differs from the answer before is set: to make eight headers anew costs a sixth of a cached page.
 */
const reused = new Headers({ 'content-type': CONTENT_TYPE, vary: VARY, [COMPLETENESS_HEADER]: 'complete' })
const last = new Map<string, string>()
function reuse(name: string, value: string): void {
  if (last.get(name) === value) return
  reused.set(name, value)
  last.set(name, value)
}

/** Answers with a document, or 304 where the client has it. Headers say which layer answered, how long it took and what is amiss. */
export function respond(exchange: Exchange, nowMs: number, document: Document): Response {
  const { tally, request } = exchange
  const degraded = document.degraded ?? NONE
  const reasons = tally.degraded.size + degraded.length === 0 ? NONE : [...new Set([...tally.degraded, ...degraded])].sort()
  const isKnown = matches(request.headers.get('if-none-match'), document.tag)
  const response =
    isKnown || reasons.length > 0 || exchange.origin
      ? special(exchange, nowMs, document, reasons, isKnown)
      : usual(exchange, nowMs, document)
  exchange.answered = { degraded: reasons }
  return response
}

function usual({ tally, startedAtMs, requestId }: Exchange, nowMs: number, { body, tag, cacheControl }: Document): Response {
  reuse('etag', tag)
  reuse('cache-control', cacheControl)
  reuse('cache-status', cacheStatus(tally))
  reuse('server-timing', serverTiming(tally, startedAtMs, nowMs))
  reuse(AGE_HEADER, ageOf(tally, nowMs))
  reuse(REQUEST_ID_HEADER, requestId)
  return new Response(body(), { headers: reused })
}

/** To a client that has the document, to a page of another origin, or about an answer that is less than it should be. */
function special(
  { tally, startedAtMs, requestId, origin }: Exchange,
  nowMs: number,
  { body, tag, cacheControl }: Document,
  reasons: readonly string[],
  isKnown: boolean,
): Response {
  const headers: Record<string, string> = {
    ...(isKnown ? {} : { 'content-type': CONTENT_TYPE }),
    etag: tag,
    'cache-control': cacheControl,
    vary: VARY,
    ...cacheHeaders(tally, startedAtMs, nowMs),
    [AGE_HEADER]: ageOf(tally, nowMs),
    [REQUEST_ID_HEADER]: requestId,
    [COMPLETENESS_HEADER]: reasons.every((reason) => LACKS_NOTHING.has(reason)) ? 'complete' : 'incomplete',
    ...origin,
    ...(reasons.length > 0 ? { [DEGRADED_HEADER]: reasons.join(', ') } : {}),
  }
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(body(), { headers })
}

const ageOf = ({ oldestAtMs }: Tally, nowMs: number): string => String(Math.max(0, nowMs - oldestAtMs))

export const PERSONAL = 'private, no-cache'

/** Public documents say what is left of memory's max age; a browser's copy is then no older than ours may be. */
export const publicFor = (verifiedAtMs: number, maxAgeMs: number, nowMs: number): string =>
  `public, max-age=${Math.max(0, Math.floor((verifiedAtMs + maxAgeMs - nowMs) / 1_000))}`
