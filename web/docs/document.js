// @ts-check

/**
 * What the page reads of /openapi.json.
 *
 * @typedef {{ $ref?: string, type?: string | string[], properties?: Record<string, Schema>, required?: string[], items?: Schema, enum?: unknown[], description?: string, [keyword: string]: unknown }} Schema
 * @typedef {{ schema: Schema, example?: unknown, examples?: Record<string, { $ref: string }> }} Media
 * @typedef {{ name: string, in: string, required: boolean, description: string, schema: Schema, example?: string | number }} Parameter
 * @typedef {{ description: string, headers?: Record<string, { $ref: string }>, content?: Record<string, Media> }} Answer
 * @typedef {object} Operation
 * @property {string} operationId
 * @property {string[]} tags
 * @property {string} summary
 * @property {string} description
 * @property {Record<string, string[]>[]} [security]
 * @property {Parameter[]} [parameters]
 * @property {{ content: Record<string, Media> }} [requestBody]
 * @property {Record<string, Answer>} responses
 * @typedef {object} OpenApi
 * @property {{ version: string, description: string }} info
 * @property {{ name: string, description: string }[]} tags
 * @property {Record<string, Record<string, Operation>>} paths
 * @property {object} components
 * @property {Record<string, Schema>} components.schemas
 * @property {Record<string, { description: string, example: string }>} components.headers
 * @property {Record<string, { summary: string, value: { status: number, type: string } & Record<string, unknown> }>} components.examples
 * @property {Record<string, { description: string }>} components.securitySchemes
 */

/** The last part of a reference: what it names. */
export const nameOf = (/** @type {string} */ ref) => ref.split('/').at(-1) ?? ''

/**
 * Every operation with its method and path, in the order of the document.
 *
 * @param {Pick<OpenApi, 'paths'>} document
 */
export const operationsOf = ({ paths }) =>
  Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method, path, operation })))

/** Whose token a request needs: a name of `components.securitySchemes`, or undefined where it can do without. @param {Operation} operation */
export function tokenOf({ security = [{}] }) {
  return security.some((needs) => Object.keys(needs).length === 0) ? undefined : Object.keys(security[0] ?? {})[0]
}
