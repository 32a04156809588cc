import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PROBLEMS, Problem, type ProblemSlug, renderProblem } from '../../contract/problem.ts'

const PAGES = new URL('../../docs/problems/', import.meta.url)
const SLUGS = Object.keys(PROBLEMS) as ProblemSlug[]

test('every problem has a page, and every page a problem', () => {
  expect(readdirSync(PAGES).sort()).toEqual(SLUGS.map((slug) => `${slug}.md`).sort())
})

describe.each(SLUGS)('the page of %s', (slug) => {
  const page = readFileSync(new URL(`${slug}.md`, PAGES), 'utf8')
  const [status, title] = PROBLEMS[slug]

  test('says what it means, when it happens, what to do and where an operator looks, in a few lines', () => {
    expect(page.split('\n')[0]).toBe(`# ${title}`)
    expect(page).toContain(`\`${status}\` \`/problems/${slug}\``)
    expect(page).toMatch(/^\*\*When it happens\.\*\* /m)
    expect(page).toMatch(/^\*\*What to do\.\*\* /m)
    expect(page).toMatch(/^\*\*If you operate Tideline\.\*\* /m)
    expect(page.split('\n').length).toBeLessThanOrEqual(24)
  })

  test('shows a document as the API renders it', async () => {
    const { detail, instance, errors, ...rest } = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
    const members = errors === undefined ? {} : { errors }
    const rendered = await renderProblem(new Problem(slug, detail, { members }), instance).json()
    expect({ detail, instance, ...members, ...rest }).toEqual(rendered)
  })
})
