import { expect } from 'vitest'
import * as z from 'zod'
import { REQUEST_ID_HEADER } from '../../contract/headers.ts'
import { PROBLEMS, type ProblemSlug } from '../../contract/problem.ts'

const documentSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().min(1),
  instance: z.string().min(1),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
})

/** What HTTP asks of these statuses (RFC 9110 §15.5.2, §15.5.6, §10.2.3). */
const COMPANION: Readonly<Record<number, string>> = { 401: 'www-authenticate', 405: 'allow', 503: 'retry-after' }

/** Asserts that an answer is this problem, in the form of RFC 9457 and with nothing beside it; answers its document. */
export async function expectProblem(response: Response, slug: ProblemSlug): Promise<z.infer<typeof documentSchema>> {
  const text = await response.text()
  const [status, title] = PROBLEMS[slug]
  expect(response.status, text).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const companion = COMPANION[status]
  if (companion !== undefined) expect(response.headers.has(companion), companion).toBe(true)
  const document = documentSchema.parse(JSON.parse(text))
  expect(document).toMatchObject({ type: `/problems/${slug}`, title, status })
  const requestId = response.headers.get(REQUEST_ID_HEADER)
  if (requestId !== null) expect(document.instance).toBe(requestId)
  return document
}
