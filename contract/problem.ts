/**
 * Every error the API can answer: slug, HTTP status, title. Rendered as `application/problem+json` (RFC 9457); the
 * slug names a page in `docs/problems/`.
 */
export const PROBLEMS = {
  'bad-request': [400, 'The request is not valid'],
  'bad-json': [400, 'The body is not valid JSON'],
  'bad-cursor': [400, 'The cursor is not valid here'],
  unauthorized: [401, 'A valid bearer token is needed'],
  forbidden: [403, 'This token may not do that'],
  'private-account': [403, 'Only followers may see this'],
  blocked: [403, 'One of the two blocks the other'],
  'not-found': [404, 'There is nothing here'],
  gone: [410, 'The post was deleted'],
  'cursor-expired': [410, 'What followed this cursor is no longer kept'],
  'method-not-allowed': [405, 'This method is not offered here'],
  conflict: [409, 'The request conflicts with what is stored'],
  'too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body must be application/json'],
  'idempotency-key-reused': [422, 'This Idempotency-Key was used for another request'],
  overloaded: [503, 'Too many requests are being served'],
  'origin-unavailable': [503, 'The origin cannot be reached'],
  'clock-skew': [503, 'The clock of this process cannot be trusted'],
  internal: [500, 'Something failed on our side'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemSlug = keyof typeof PROBLEMS

/** Where a problem's `type` points: a reference relative to the API (RFC 9457 §3.1.1), explained in `docs/problems/`. */
const TYPE_BASE = '/problems/'

interface ProblemExtras {
  readonly cause?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Members beside those of RFC 9457, for instance the fields that failed validation. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** An error with a public face. Whatever is not a `Problem` is rendered as `internal` and nothing of it leaks. */
export class Problem extends Error {
  readonly slug: ProblemSlug
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(slug: ProblemSlug, detail: string, extras: ProblemExtras = {}) {
    super(detail, { cause: extras.cause })
    this.name = 'Problem'
    this.slug = slug
    this.headers = extras.headers ?? {}
    this.members = extras.members ?? {}
  }

  get status(): number {
    return PROBLEMS[this.slug][0]
  }
}

/** The one renderer: a problem as an HTTP response. `instance` names the request, so that a report can be found in the logs. */
export function renderProblem(problem: Problem, instance: string): Response {
  const [status, title] = PROBLEMS[problem.slug]
  const body = { type: TYPE_BASE + problem.slug, title, status, detail: problem.message, instance, ...problem.members }
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 503 ? { 'retry-after': '1' } : {}),
      ...problem.headers,
    },
  })
}

/** What anything thrown becomes on the wire. */
export const toProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem('internal', 'An unexpected error occurred.', { cause: error })

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly code?: string | undefined
  /** Of an `unrecognized_keys` issue. */
  readonly keys?: readonly string[]
}

interface FieldError {
  readonly field: string
  readonly message: string
}

/** What an issue says of which field, in words of our own where zod's would puzzle a caller. */
function fieldErrorsOf({ path, message, code, keys }: Issue): FieldError[] {
  if (code === 'unrecognized_keys' && keys)
    return keys.map((key) => ({ field: [...path, key].join('.'), message: 'there is no such field' }))
  return [{ field: path.join('.'), message: message.endsWith('received undefined') ? 'this field is missing' : message }]
}

/** A zod failure as a problem that lists each field (RFC 9457 §3.2 extension members). */
export function invalid(what: string, issues: readonly Issue[]): Problem {
  const errors = issues.flatMap(fieldErrorsOf)
  const told = errors.map(({ field, message }) => `${field || 'the body'}: ${message}`)
  return new Problem('bad-request', `${what}: ${told.join('; ')}`, { members: { errors } })
}
