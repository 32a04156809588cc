import { expect, test } from 'vitest'
import * as z from 'zod'
import { invalid, PROBLEMS, Problem, type ProblemSlug, renderProblem, toProblem } from '../../../contract/problem.ts'

const slugs = Object.keys(PROBLEMS) as ProblemSlug[]

test.each(slugs)('%s is rendered as RFC 9457 says, and is never cached', async (slug) => {
  const [status, title] = PROBLEMS[slug]
  const response = renderProblem(new Problem(slug, 'What happened.'), '/requests/1')
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
  expect(await response.json()).toEqual({ type: `/problems/${slug}`, title, status, detail: 'What happened.', instance: '/requests/1' })
})

test('a problem brings headers and members of its own', async () => {
  const problem = new Problem('overloaded', 'Too much.', { headers: { 'retry-after': '7' }, members: { queue: 3 } })
  const response = renderProblem(problem, '/requests/1')
  expect(response.headers.get('retry-after')).toBe('7')
  expect(await response.json()).toMatchObject({ queue: 3 })
})

test.each([new Error('secret'), 'secret', null, undefined, { slug: 'gone', message: 'secret' }])(
  'of anything unknown (%s) only "internal" reaches the wire',
  async (thrown) => {
    const problem = toProblem(thrown)
    expect(problem).toMatchObject({ slug: 'internal', status: 500, cause: thrown })
    expect(await renderProblem(problem, '/requests/1').text()).not.toContain('secret')
  },
)

test('a problem stays itself, and its cause stays inside', async () => {
  const problem = new Problem('gone', 'The post was deleted.', { cause: new Error('secret') })
  expect(toProblem(problem)).toBe(problem)
  expect(await renderProblem(problem, '/requests/1').text()).not.toContain('secret')
})

test('a failed validation names each field', async () => {
  const parsed = z.strictObject({ text: z.string(), to: z.array(z.number()) }).safeParse({ text: 1, to: [1, 'x'], more: true })
  const problem = invalid('The body is not valid', parsed.error?.issues ?? [])
  const body = await renderProblem(problem, '/requests/1').json()
  expect(body.status).toBe(400)
  expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(['text', 'to.1', 'more'])
  expect(body.detail).toMatch(/^The body is not valid: text: .*; to\.1: .*; more: there is no such field$/)
})
