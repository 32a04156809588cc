import * as z from 'zod'
import { idempotencyKeySchema, VERSION_COOKIE, VERSION_HEADER } from '../headers.ts'
import { idSchema } from '../ids.ts'
import { pageSizeSchema } from '../post.ts'
import { CURSOR } from './cast.ts'
import { spelled } from './headers.ts'

/** Something a request carries beside its body. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly description: string
  readonly schema: z.ZodType
  /** Where there is one, the operation's example request carries it. */
  readonly example?: string | number
}

export const idIn = (description: string, example: string): Parameter => ({
  name: 'id',
  in: 'path',
  description,
  schema: idSchema,
  example,
})

export const idempotencyKey = (example: string): Parameter => ({
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Makes a retry safe for 24 hours: the same answer again. Take a new one for each new request.',
  schema: idempotencyKeySchema,
  example,
})

export const IF_NONE_MATCH: Parameter = {
  name: 'If-None-Match',
  in: 'header',
  description: 'The `ETag` of the copy you have: where it is still good, the answer is a 304 without a body.',
  schema: z.string(),
}

export const VERSION: readonly Parameter[] = [
  {
    name: spelled(VERSION_HEADER),
    in: 'header',
    description:
      'What your last write answered: a read then shows that write, a write adds its own. Without it a read shows it within 5 s.',
    schema: z.string(),
  },
  {
    name: VERSION_COOKIE,
    in: 'cookie',
    description: 'The same token as browsers of the same site send it by themselves. The header comes first.',
    schema: z.string(),
  },
]

export const LIMIT: Parameter = {
  name: 'limit',
  in: 'query',
  description: 'How many posts at most.',
  schema: pageSizeSchema,
  example: 20,
}

export const SINCE: Parameter = {
  name: 'since',
  in: 'query',
  description:
    '`top_cursor` of an earlier answer: brings the newest of what came since. Where more came than fits, `gap_cursor` brings the rest. Not together with `cursor`.',
  schema: z.string(),
}

export const GAP: Parameter = {
  name: 'cursor',
  in: 'query',
  description: '`gap_cursor` of an earlier answer. It belongs to one reader and one feed, and does not expire.',
  schema: z.string(),
  example: CURSOR,
}

export const PAGING: readonly Parameter[] = [
  LIMIT,
  {
    name: 'cursor',
    in: 'query',
    description: '`next_cursor` of the page before. It belongs to one reader and one feed, and does not expire.',
    schema: z.string(),
  },
]
