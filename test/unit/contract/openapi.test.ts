import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { spelled } from '../../../contract/api/headers.ts'
import * as headerNames from '../../../contract/headers.ts'
import { PROBLEMS, type ProblemSlug } from '../../../contract/problem.ts'
import { type OpenApi, operationsOf } from '../../../web/docs/document.js'
import { parseConfig } from '../../../worker/config.ts'
import { createWorker } from '../../../worker/wiring.ts'
import { contentOf, createJudge, theDocument } from '../../support/openapi.ts'

const ROOT = new URL('../../../', import.meta.url)
const SLUGS = Object.keys(PROBLEMS) as ProblemSlug[]
const document = theDocument()
const operations = operationsOf(document)
const judge = createJudge(document)

/** The worker as it is deployed, with nothing behind it. */
const worker = createWorker(
  parseConfig({
    ORIGIN_URL: 'http://127.0.0.1:9',
    UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:9',
    UPSTASH_REDIS_REST_TOKEN: 'nothing',
    JWT_SECRET: 'jwt-secret-0123456789',
    EDGE_SECRET: 'edge-secret-0123456789',
    SIGNING_SECRET: 'signing-secret-0123',
  }),
)

const validity = async (candidate: OpenApi) => new Validator().validate(JSON.parse(JSON.stringify(candidate)))

describe('the document', () => {
  test('is valid OpenAPI 3.1', async () => {
    expect(await validity(document)).toMatchObject({ valid: true })
  })

  test('is found invalid when it is not: an answer that says nothing, a parameter that is nowhere', async () => {
    const silent = theDocument()
    Object.assign(silent.paths['/healthz']?.get?.responses['200'] ?? {}, { description: undefined })
    expect(await validity(silent)).toMatchObject({ valid: false })
    const lost = theDocument()
    Object.assign(lost.paths['/v1/posts/{id}']?.get?.parameters?.[0] ?? {}, { in: 'nowhere' })
    expect(await validity(lost)).toMatchObject({ valid: false })
  })

  test('every reference leads somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/(.*?)"/g)].map(([, path = '']) => path)
    const at = (path: string) => path.split('/').reduce<unknown>((place, key) => (place as Record<string, unknown>)?.[key], document)
    expect(references.length).toBeGreaterThan(100)
    expect(references.filter((path) => at(path) === undefined)).toEqual([])
  })

  test('carries the version of the package', () => {
    expect(document.info.version).toBe(JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).version)
  })
})

/** A path of the document as the worker's router writes it; one with a choice of words is as many. */
const routed = (path: string, slugs: readonly string[]): string[] =>
  path.includes('{slug}') ? slugs.map((slug) => path.replace('{slug}', slug)) : [path.replaceAll(/\{(\w+)\}/g, ':$1')]

/** What the worker offers clients: not what the reader page asks in development, nor what the origin asks. */
const offered = (app: typeof worker): string[] => [
  ...new Set(
    app.routes
      .filter(({ method, path }) => method !== 'ALL' && !/^\/(?:demo|internal)\b/.test(path))
      .map(({ method, path }) => `${method} ${path}`),
  ),
]
const documented = (candidate: OpenApi): string[] =>
  operationsOf(candidate).flatMap(({ method, path, operation }) =>
    routed(path, (operation.parameters?.[0]?.schema.enum as string[]) ?? []).map((one) => `${method.toUpperCase()} ${one}`),
  )

test('every route of the worker is in the document, and nothing else', () => {
  expect(documented(document).sort()).toEqual(offered(worker).sort())
})

test('a route that is not in the document is noticed', () => {
  const poorer = theDocument()
  delete poorer.paths['/v1/posts/{id}/repost']?.delete
  expect(offered(worker).filter((route) => !documented(poorer).includes(route))).toEqual(['DELETE /v1/posts/:id/repost'])
})

test('every problem is in the document, as its page shows it; each is the answer of an operation, or of any wrong method', () => {
  expect(Object.keys(document.components.examples).sort()).toEqual([...SLUGS].sort())
  for (const slug of SLUGS) {
    const page = readFileSync(new URL(`docs/problems/${slug}.md`, ROOT), 'utf8')
    const { instance: _, ...shown } = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
    expect(document.components.examples[slug]?.value).toMatchObject(shown)
    expect(judge({ $ref: '#/components/schemas/Problem' }, document.components.examples[slug]?.value), slug).toEqual([])
  }
  const answered = operations.flatMap(({ operation }) =>
    Object.values(operation.responses).flatMap((answer) => Object.keys(contentOf(answer)?.[1].examples ?? {})),
  )
  expect(SLUGS.filter((slug) => !answered.includes(slug))).toEqual(['method-not-allowed'])
})

test('every header of the contract that clients see is in the document', () => {
  const { RAISED_HEADER, SIGNATURE_HEADER, ...seen } = headerNames
  const names = Object.entries(seen).flatMap(([name, value]) => (name.endsWith('_HEADER') ? [spelled(String(value))] : []))
  expect(names.length).toBeGreaterThan(3)
  expect(Object.keys(document.components.headers)).toEqual(expect.arrayContaining(names))
})

test('operation ids are unique', () => {
  const ids = operations.map(({ operation }) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
})

describe.each(operations)('$method $path', ({ path, operation }) => {
  const answers = Object.entries(operation.responses)

  test('says what it is, whose token it takes and how it fails', () => {
    expect(operation).toMatchObject({ operationId: expect.stringMatching(/^[a-z][A-Za-z]+$/), summary: expect.stringMatching(/[^.]$/) })
    expect(operation.description).toMatch(/\.$/)
    expect(operation.tags).toEqual([expect.toSatisfy((tag: string) => document.tags.some(({ name }) => name === tag))])
    const schemes = (operation.security ?? []).flatMap((needs) => Object.keys(needs))
    expect(Object.keys(document.components.securitySchemes)).toEqual(expect.arrayContaining(schemes))
    expect('401' in operation.responses).toBe(schemes.length > 0)
    const verdict = operation.operationId === 'getReadiness' ? '503' : ''
    for (const [status, answer] of answers.filter(([status]) => Number(status) >= 400 && status !== verdict))
      expect(Object.keys(answer.content ?? {}), status).toEqual(['application/problem+json'])
    expect(operation.responses['500']).toBeDefined()
  })

  test('names the parameters of its path, and no parameter twice', () => {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map(({ name }) => name)
    expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
    const all = (operation.parameters ?? []).map((parameter) => `${parameter.in} ${parameter.name}`)
    expect(new Set(all).size).toBe(all.length)
  })

  test('has examples that its schemas allow', () => {
    for (const parameter of operation.parameters ?? []) {
      if (parameter.in === 'path') expect(parameter.example).toBeDefined()
      if (parameter.example !== undefined) expect(judge(parameter.schema, parameter.example), parameter.name).toEqual([])
    }
    const bodies = [operation.requestBody?.content, ...answers.map(([, answer]) => answer.content)].flatMap((one) =>
      Object.values(one ?? {}),
    )
    for (const { schema, example, examples } of bodies) {
      if (examples) continue
      expect(example).toBeDefined()
      expect(judge(schema, example)).toEqual([])
    }
  })
})

test('an example that its schema does not allow is noticed', () => {
  const [, page] = contentOf(document.paths['/v1/feed/following']?.get?.responses['200']) ?? []
  expect(judge(page?.schema, { ...(page?.example as object), next_cursor: 7 })).toEqual(['/next_cursor must be string,null'])
  expect(judge(page?.schema, { ...(page?.example as object), pages: 7 })).toEqual(['/ must NOT have additional properties'])
})

describe('GET /openapi.json', () => {
  test('answers the document without a token, to be kept for a while, and 304 to whoever has it', async () => {
    const response = await worker.request('/openapi.json')
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)))
    const tag = response.headers.get('etag') ?? ''
    const again = await worker.request('/openapi.json', { headers: { 'if-none-match': tag } })
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag])
    expect((await worker.request('/openapi.json', { headers: { 'if-none-match': '"another"' } })).status).toBe(200)
  })
})
