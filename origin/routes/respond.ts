import { RAISED_HEADER, REPLAYED_HEADER } from '../../contract/headers.ts'
import type { Answer } from './idempotency.ts'

/** A write's answer as HTTP. */
export function respond({ status, body, raised }: Answer, replayed: boolean): Response {
  const headers = new Headers({ 'cache-control': 'no-store', [RAISED_HEADER]: JSON.stringify(raised) })
  if (replayed) headers.set(REPLAYED_HEADER, 'true')
  if (status === 204) return new Response(null, { status, headers })
  headers.set('content-type', 'application/json')
  return new Response(JSON.stringify(body), { status, headers })
}
