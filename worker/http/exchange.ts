import type { Caller } from '../../contract/signature.ts'
import type { Reader } from '../cache/reader.ts'
import type { Tally } from './tally.ts'

/** A request on its way through the worker, with what is known of it so far. */
export interface Exchange {
  readonly request: Request
  readonly method: string
  /** As it was sent: nothing decoded. */
  readonly path: string
  /** What follows the question mark. */
  readonly query: string
  /** workerd's context of the request: keeps work alive behind the answer. */
  readonly context: Reader
  readonly startedAtMs: number
  readonly requestId: string
  readonly tally: Tally
  /** What a page of the origin that asks is told beside (CORS). */
  readonly origin: Readonly<Record<string, string>> | undefined
  /** Who asks, once that is known. */
  caller: Caller | undefined
  /** The pattern of its route, once that is known. */
  route: string
  /** Set where a document was answered, with what every answer says: why it is less than it should be. */
  answered: { readonly degraded: readonly string[] } | undefined
  /** What was thrown. */
  error: Error | undefined
}

/** A request that has just arrived. To build a URL of each would cost as much as a cached page. */
export function openExchange(arrived: Pick<Exchange, 'request' | 'context' | 'startedAtMs' | 'requestId' | 'tally' | 'origin'>): Exchange {
  const { request, context, startedAtMs, requestId, tally, origin } = arrived
  const { url, method } = request
  const path = url.indexOf('/', url.indexOf('//') + 2)
  const question = url.indexOf('?', path)
  return {
    request,
    method,
    path: question === -1 ? url.slice(path) : url.slice(path, question),
    query: question === -1 ? '' : url.slice(question + 1),
    context,
    startedAtMs,
    requestId,
    tally,
    origin,
    caller: undefined,
    route: '',
    answered: undefined,
    error: undefined,
  }
}
