import type { Context } from 'hono'
import { isId } from '../../contract/ids.ts'
import { invalid, Problem } from '../../contract/problem.ts'
import type { OriginEnv } from './identity.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What a schema of the contract can do. */
interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: Invalid }
}
interface Invalid {
  readonly issues: Parameters<typeof invalid>[1]
}

/** The body as what `schema` describes, or the problem that says which field is wrong. */
export function parseBody<T>(c: Context<OriginEnv>, schema: Schema<T>): T {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/(?:[a-z.+-]+\+)?json\s*(?:;|$)/i.test(type))
    throw new Problem('unsupported-media-type', 'Send JSON as application/json.')
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(c.get('body')))
  } catch (cause) {
    throw new Problem('bad-json', 'The body is not well-formed JSON in UTF-8.', { cause })
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw invalid('The body is not valid', parsed.error.issues)
  return parsed.data
}

/** The id in the path. */
export function pathId(c: Context<OriginEnv>): bigint {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw new Problem('bad-request', 'An id is a string of 19 digits.')
  return BigInt(id)
}
