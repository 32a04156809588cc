import type { Context } from 'hono'
import { parseJson, type Schema } from '../../contract/body.ts'
import { isId } from '../../contract/ids.ts'
import { Problem } from '../../contract/problem.ts'
import type { OriginEnv } from './identity.ts'

/** The body as what `schema` describes, or the problem that says which field is wrong. */
export const parseBody = <T>(c: Context<OriginEnv>, schema: Schema<T>): T => parseJson(c.req.header('content-type'), c.get('body'), schema)

/** The id in the path. */
export function pathId(c: Context<OriginEnv>): bigint {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw new Problem('bad-request', 'An id is a string of 19 digits.')
  return BigInt(id)
}
