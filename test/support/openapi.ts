import { Ajv2020 } from 'ajv/dist/2020.js'
import * as z from 'zod'
import { openApiDocument } from '../../contract/api/document.ts'
import type { Answer, OpenApi } from '../../web/docs/document.js'

/** A copy of the worker's document, free to be changed. */
export const theDocument = (): OpenApi => structuredClone(openApiDocument()) as object as OpenApi

/**
 * Tells what is wrong with a value, for a document's schemas. The document lets answers gain fields; here objects are shut, so that a
 * field which is answered and not documented is found.
 */
export function createJudge(document: OpenApi) {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true })
  ajv.addFormat('date-time', (text) => z.iso.datetime().safeParse(text).success)
  ajv.addKeyword('components')
  ajv.addSchema({ $id: 'api:', components: { schemas: shut(document.components.schemas) } })
  return (schema: unknown, value: unknown): string[] => {
    const validate = ajv.compile(JSON.parse(JSON.stringify(shut(schema)).replaceAll('"#/components', '"api:#/components')))
    return validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
  }
}

/** The schema of an answer's body, with its media type. */
export const contentOf = (answer: Answer | undefined) => Object.entries(answer?.content ?? {})[0]

function shut(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(shut)
  if (typeof schema !== 'object' || schema === null) return schema
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, shut(value)]))
  return 'properties' in schema && !('additionalProperties' in schema) ? { ...inside, additionalProperties: false } : inside
}
