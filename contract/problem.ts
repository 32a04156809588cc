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
  'not-found': [404, 'There is nothing here'],
  gone: [410, 'The post was deleted'],
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
}

/** A zod failure as a problem that lists each field (RFC 9457 §3.2 extension members). */
export const invalid = (what: string, issues: readonly Issue[]): Problem =>
  new Problem('bad-request', `${what}: ${issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`).join('; ')}`, {
    members: { errors: issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message })) },
  })
