// @ts-check
import { traceOf } from './trace.js'

/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {{ status: number, body: any, etag: string | undefined, trace: Trace }} Answer */
/**
 * @typedef {object} Api
 * @property {(path: string, etag?: string) => Promise<Answer>} read with the tag of what one has, the answer may be a 304 without a body
 * @property {(method: 'POST' | 'DELETE', path: string, options?: { body?: unknown, key?: string }) => Promise<Answer>} write
 */

/** The longest a request may take (milliseconds). */
const DEADLINE_MS = 15_000

/** What went wrong, in words for a reader. `status` is 0 where no answer came. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * The API as one reader calls it. It keeps the newest version token and sends it, so that the reader sees own writes with or without cookies.
 *
 * @param {object} options
 * @param {string} options.token
 * @param {string | undefined} options.version the version token of before
 * @param {(version: string) => void} options.onVersion
 * @param {(trace: Trace) => void} options.onTrace
 * @returns {Api}
 */
export function createApi({ token, version, onVersion, onTrace }) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} headers
   * @param {string} [body]
   */
  async function send(method, path, headers, body) {
    const startedMs = performance.now()
    const atMs = Date.now()
    const seen = (/** @type {Response | undefined} */ response) => {
      const trace = traceOf({ method, path, atMs, tookMs: performance.now() - startedMs }, response)
      onTrace(trace)
      return trace
    }
    /** @type {Response | undefined} */
    let response
    try {
      response = await fetch(path, {
        method,
        cache: 'no-store', // what is measured is the edge, not this browser's own cache
        headers: { authorization: `Bearer ${token}`, ...(version ? { 'tideline-version': version } : {}), ...headers },
        signal: AbortSignal.timeout(DEADLINE_MS),
        ...(body === undefined ? {} : { body }),
      })
      const text = await response.text()
      const trace = seen(response)
      const newer = response.headers.get('tideline-version')
      if (newer) {
        version = newer
        onVersion(newer)
      }
      const json = text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined
      if (response.status >= 400)
        throw new ApiError(response.status, json?.detail ?? json?.title ?? `The server answered ${response.status}.`)
      return { status: response.status, body: json, etag: response.headers.get('etag') ?? undefined, trace }
    } catch (error) {
      if (error instanceof ApiError) throw error
      seen(response)
      throw new ApiError(0, 'No answer came. Is the network there?')
    }
  }

  return {
    read: (path, etag) => send('GET', path, etag ? { 'if-none-match': etag } : {}),
    write: (method, path, { body, key } = {}) =>
      send(
        method,
        path,
        {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(method === 'POST' ? { 'idempotency-key': key ?? newKey() } : {}),
        },
        body === undefined ? undefined : JSON.stringify(body),
      ),
  }
}

/** An Idempotency-Key. `crypto.randomUUID` is missing where a page is not served from a secure origin. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
