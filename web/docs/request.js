// @ts-check
import { tokenOf } from './document.js'

/** @typedef {import('./document.js').Operation} Operation */

/**
 * The example request of an operation: the parameters that have an example, and the body's. A test sends each of these.
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 */
export function exampleRequest(method, path, operation) {
  const given = (operation.parameters ?? []).filter(({ example }) => example !== undefined)
  const pairs = (/** @type {string} */ place) => given.filter((one) => one.in === place).map((one) => [one.name, String(one.example)])
  const filled = pairs('path').reduce((text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value ?? '')), path)
  const query = new URLSearchParams(pairs('query')).toString()
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  /** @type {Record<string, string>} */
  const headers = { ...Object.fromEntries(pairs('header')), ...(type ? { 'Content-Type': type } : {}) }
  return {
    method: method.toUpperCase(),
    target: query ? `${filled}?${query}` : filled,
    headers,
    body: media ? JSON.stringify(media.example) : undefined,
  }
}

/**
 * The same as a command for a shell, an option a line. The token is a variable of it: `$USER_TOKEN`, `$SERVICE_TOKEN`.
 * @param {string} base Where the API is, without a slash at the end.
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 */
export function curlLine(base, method, path, operation) {
  const request = exampleRequest(method, path, operation)
  const token = tokenOf(operation)
  const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`
  const parts = [`curl ${request.method === 'GET' ? '' : `-X ${request.method} `}${quoted(base + request.target)}`]
  if (token) parts.push(`-H "Authorization: Bearer $${token.toUpperCase()}_TOKEN"`)
  for (const [name, value] of Object.entries(request.headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`)
  if (request.body !== undefined) parts.push(`-d ${quoted(request.body)}`)
  return parts.join(' \\\n  ')
}
