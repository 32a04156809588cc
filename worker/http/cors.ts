import {
  AGE_HEADER,
  COMPLETENESS_HEADER,
  DEGRADED_HEADER,
  REPLAYED_HEADER,
  REQUEST_ID_HEADER,
  VERSION_HEADER,
} from '../../contract/headers.ts'

const ALLOW_METHODS = 'GET,HEAD,POST,PUT,DELETE'
const ALLOW_HEADERS = `authorization,content-type,idempotency-key,if-none-match,${VERSION_HEADER}`
const EXPOSE_HEADERS = [
  'etag',
  'cache-status',
  'server-timing',
  'retry-after',
  'location',
  VERSION_HEADER,
  AGE_HEADER,
  COMPLETENESS_HEADER,
  DEGRADED_HEADER,
  REPLAYED_HEADER,
  REQUEST_ID_HEADER,
].join(',')
const MAX_AGE_SECONDS = '600'

/** What browsers may do (Fetch standard, CORS protocol). Every answer says `Vary: Origin` besides. */
export interface Cors {
  /** What any answer to a page of this origin says. */
  headersFor(origin: string): Readonly<Record<string, string>>
  preflight(): Response
}

/** Pages of these origins may ask with credentials; who is no page needs no permission. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Map(
    origins.map((origin) => [
      origin,
      {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': EXPOSE_HEADERS,
      },
    ]),
  )
  return {
    headersFor: (origin) => allowed.get(origin) ?? {},
    preflight: () =>
      new Response(null, {
        status: 204,
        headers: {
          vary: 'Access-Control-Request-Headers',
          'access-control-allow-methods': ALLOW_METHODS,
          'access-control-allow-headers': ALLOW_HEADERS,
          'access-control-max-age': MAX_AGE_SECONDS,
        },
      }),
  }
}
