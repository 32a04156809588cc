import * as z from 'zod'
import { PROBLEMS, type ProblemSlug } from '../problem.ts'

/** A problem document (RFC 9457). */
export const problemSchema = z.strictObject({
  type: z.string().describe('Which problem: `/problems/` and its slug, relative to the API. It leads to an explanation.'),
  title: z.string().describe('What it is called; the same each time.'),
  status: z.int().min(400).max(599).describe('The status of the answer.'),
  detail: z.string().describe('What happened this time.'),
  instance: z.string().describe('The `Tideline-Request-Id` of the request.'),
  errors: z
    .array(z.strictObject({ field: z.string(), message: z.string() }))
    .optional()
    .describe('Each field that is wrong, where a body was.'),
})

/** What a problem says of its case, for instance; the same as on its page in `docs/problems/`. */
const DETAILS: Readonly<Record<ProblemSlug, string>> = {
  'bad-request': 'The body is not valid: text: text must not be blank',
  'bad-json': 'The body is not well-formed JSON in UTF-8.',
  'bad-cursor': 'The cursor is damaged, or belongs to another feed or another reader.',
  unauthorized: 'The token has expired.',
  forbidden: 'Only its author may delete a post.',
  'private-account': 'This account is private. Follow it to see what it posts.',
  blocked: 'You block this user, or they block you.',
  'not-found': 'There is no post 1999999999999999999.',
  gone: 'The post 2124075676683206656 was deleted.',
  'cursor-expired':
    'What followed this cursor was pruned. Begin anew: ask with from=newest, copy what you need from the tables, then read on from there.',
  'method-not-allowed': 'This path offers GET, HEAD, DELETE.',
  conflict: 'The handle ada belongs to another user.',
  'too-large': 'A body has at most 32768 bytes.',
  'unsupported-media-type': 'Send JSON as application/json.',
  'idempotency-key-reused': 'A new request needs a new Idempotency-Key.',
  overloaded: 'The origin is serving as many requests as it can.',
  'origin-unavailable': 'The origin did not answer in time.',
  'clock-skew': "the clock is 1843 ms away from Postgres'",
  internal: 'An unexpected error occurred.',
}

/** A problem as an example of the document. */
export function problemExample(slug: ProblemSlug) {
  const [status, title] = PROBLEMS[slug]
  const value = { type: `/problems/${slug}`, title, status, detail: DETAILS[slug], instance: '7d9f2a7e-6a0c-4f8e-9b55-0d5f5b0f5c11' }
  const errors = [{ field: 'text', message: 'text must not be blank' }]
  return { summary: title, value: slug === 'bad-request' ? { ...value, errors } : value }
}
