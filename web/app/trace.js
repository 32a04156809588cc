// @ts-check

/** @typedef {'memory' | 'l2' | 'origin' | 'write' | 'none'} Layer which layer answered; a write has none, and an error may have none */
/** @typedef {{ name: string, fromMs: number, tookMs: number, text: string }} Span a metric of Server-Timing */
/**
 * What one request tells of itself. Times are in milliseconds.
 *
 * @typedef {object} Trace
 * @property {string} method
 * @property {string} path
 * @property {number} status 0 where no answer came
 * @property {Layer} layer
 * @property {Readonly<Record<string, number>>} counts parts of the answer by where they came from, of Cache-Status' detail
 * @property {number | undefined} ageMs
 * @property {number} tookMs as this page measured it, body included
 * @property {number | undefined} serverMs
 * @property {readonly Span[]} spans
 * @property {readonly string[]} degraded
 * @property {readonly (readonly [string, string])[]} headers those worth showing as they came
 * @property {number} atMs
 */

const SHOWN = ['cache-status', 'server-timing', 'tideline-age', 'tideline-degraded', 'tideline-request-id', 'etag']

/**
 * @param {{ method: string, path: string, tookMs: number, atMs: number }} request
 * @param {Response | undefined} response
 * @returns {Trace}
 */
export function traceOf(request, response) {
  const header = (/** @type {string} */ name) => response?.headers.get(name) ?? ''
  const metrics = parseServerTiming(header('server-timing'))
  return {
    ...request,
    status: response?.status ?? 0,
    layer: layerOf(request.method, header('cache-status')),
    counts: countsOf(header('cache-status')),
    ageMs: /^\d+$/.test(header('tideline-age')) ? Number(header('tideline-age')) : undefined,
    serverMs: metrics.find(({ name }) => name === 'total')?.tookMs,
    spans: metrics.filter(({ name }) => name !== 'total'),
    degraded: header('tideline-degraded').split(', ').filter(Boolean),
    headers: SHOWN.flatMap((name) => (header(name) ? [/** @type {const} */ ([name, header(name)])] : [])),
  }
}

/**
 * Cache-Status (RFC 9211) names the caches from the origin on: the farthest that had to answer is the layer.
 *
 * @param {string} method
 * @param {string} cacheStatus
 * @returns {Layer}
 */
function layerOf(method, cacheStatus) {
  if (method !== 'GET') return 'write'
  if (/tideline-l2; fwd/.test(cacheStatus)) return 'origin'
  if (/tideline-l2; hit/.test(cacheStatus)) return 'l2'
  return /tideline-l1; hit/.test(cacheStatus) ? 'memory' : 'none'
}

/** @param {string} cacheStatus */
function countsOf(cacheStatus) {
  const detail = /detail="([^"]*)"/.exec(cacheStatus)?.[1] ?? ''
  return Object.fromEntries([...detail.matchAll(/([\w-]+)=(\d+)/g)].map(([, name, count]) => [name, Number(count)]))
}

/**
 * Server-Timing: `name;dur=2;desc="from 0 ms, 4 keys"`, comma-separated; commas may stand in a description.
 *
 * @param {string} text
 * @returns {Span[]}
 */
function parseServerTiming(text) {
  return [...text.matchAll(/([\w-]+)((?:;(?:\w+)=(?:"[^"]*"|[^;,"]*))*)/g)].map(([, name = '', parameters = '']) => {
    const description = /desc="([^"]*)"/.exec(parameters)?.[1] ?? ''
    const from = /^from ([\d.]+) ms(?:, )?/.exec(description)
    return {
      name,
      fromMs: Number(from?.[1] ?? 0),
      tookMs: Number(/dur=([\d.]+)/.exec(parameters)?.[1] ?? 0),
      text: from ? description.slice(from[0].length) : description,
    }
  })
}
