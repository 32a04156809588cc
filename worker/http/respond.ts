import type { Context } from 'hono'
import { AGE_HEADER, DEGRADED_HEADER } from '../../contract/headers.ts'
import type { Raised } from '../../contract/version-token.ts'
import { entityTagOf, matches } from './conditional.ts'
import type { WorkerEnv } from './request.ts'
import { cacheStatus, serverTiming, type Tally } from './tally.ts'

/** A document to be answered with. */
export interface Document {
  readonly body: Uint8Array<ArrayBuffer>
  /** Changes whenever the body does. */
  readonly versions: string
  readonly cacheControl: string
  readonly degraded?: readonly string[]
}

/** Which layer answered, and what was waited for. */
export const cacheHeaders = (tally: Tally, startedAtMs: number, nowMs: number): Record<string, string> => ({
  'cache-status': cacheStatus(tally),
  'server-timing': serverTiming(tally, startedAtMs, nowMs),
})

/** Answers with a document, or 304 where the client has it. Headers say which layer answered, how long it took and what is amiss. */
export function respond(c: Context<WorkerEnv>, nowMs: number, { body, versions, cacheControl, degraded = [] }: Document): Response {
  const tally = c.get('tally')
  const tag = entityTagOf(versions)
  const headers: Record<string, string> = {
    etag: tag,
    'cache-control': cacheControl,
    vary: 'authorization, cookie, tideline-version',
    ...cacheHeaders(tally, c.get('startedAtMs'), nowMs),
    [AGE_HEADER]: String(Math.max(0, nowMs - tally.oldestAtMs)),
  }
  const reasons = [...new Set([...tally.degraded, ...degraded])].sort()
  if (reasons.length > 0) headers[DEGRADED_HEADER] = reasons.join(', ')
  if (matches(c.req.header('if-none-match'), tag)) return c.body(null, 304, headers)
  return c.body(body, 200, { ...headers, 'content-type': 'application/json; charset=utf-8' })
}

export const PERSONAL = 'private, no-cache'

/**
 * Public documents say what is left of memory's max age; a browser's copy is then no older than ours may be. One that was read with a
 * version token is its reader's own.
 */
export function publicFor(raised: Raised, verifiedAtMs: number, maxAgeMs: number, nowMs: number): string {
  if (Object.keys(raised).length > 0) return PERSONAL
  return `public, max-age=${Math.max(0, Math.floor((verifiedAtMs + maxAgeMs - nowMs) / 1_000))}`
}
