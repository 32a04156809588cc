import * as z from 'zod'
import { PROBLEMS } from '../problem.ts'
import { json, type Operation } from './operation.ts'
import { IF_NONE_MATCH } from './parameters.ts'

const healthSchema = z.strictObject({ status: z.literal('ok') })

const checkSchema = z.strictObject({ ok: z.boolean(), ms: z.number().describe('How long it took, in milliseconds.') })
const readinessSchema = z.strictObject({
  status: z.enum(['ready', 'degraded', 'not ready']),
  checks: z.strictObject({ l2: checkSchema, origin: checkSchema }),
})
const checks = { l2: { ok: true, ms: 3 }, origin: { ok: true, ms: 5 } }
const noChecks = { l2: { ok: false, ms: 1_000 }, origin: { ok: false, ms: 1_000 } }

export const SERVICE: readonly Operation[] = [
  {
    id: 'getHealth',
    method: 'get',
    path: '/healthz',
    tag: 'Service',
    summary: 'Is the worker up?',
    description: 'It runs and its configuration is valid.',
    token: 'none',
    parameters: [],
    answers: [{ status: 200, description: 'It is.', headers: ['cache-control'], content: json(healthSchema, { status: 'ok' }) }],
    problems: [],
  },
  {
    id: 'getReadiness',
    method: 'get',
    path: '/readyz',
    tag: 'Service',
    summary: 'Can it serve reads?',
    description: 'Asks Redis and the origin, once a second at most. `degraded` means that one of them is gone and feeds are still served.',
    token: 'none',
    parameters: [],
    answers: [
      { status: 200, description: 'It can.', headers: ['cache-control'], content: json(readinessSchema, { status: 'ready', checks }) },
      {
        status: 503,
        description: 'Beyond what this isolate remembers it cannot.',
        headers: ['cache-control'],
        content: json(readinessSchema, { status: 'not ready', checks: noChecks }),
      },
    ],
    problems: [],
  },
  {
    id: 'getProblem',
    method: 'get',
    path: '/problems/{slug}',
    tag: 'Service',
    summary: 'Explain a problem',
    description: 'Where the `type` of a problem leads.',
    token: 'none',
    parameters: [
      { name: 'slug', in: 'path', description: 'The last part of `type`.', schema: z.enum(Object.keys(PROBLEMS)), example: 'gone' },
    ],
    answers: [
      {
        status: 200,
        description: 'What it is called, and where it is explained.',
        headers: ['cache-control'],
        content: { type: 'text/plain; charset=UTF-8', schema: z.string(), example: '410 gone\n\nThe post was deleted.\n' },
      },
    ],
    problems: [],
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    tag: 'Service',
    summary: 'Read this description',
    description: 'The API as OpenAPI 3.1, made from the schemas the worker and the origin parse with.',
    token: 'none',
    parameters: [IF_NONE_MATCH],
    answers: [
      {
        status: 200,
        description: 'The document.',
        headers: ['etag', 'cache-control'],
        content: json(z.looseObject({ openapi: z.literal('3.1.1') }), { openapi: '3.1.1' }),
      },
      { status: 304, description: 'Your copy is still good.', headers: ['etag', 'cache-control'] },
    ],
    problems: [],
  },
]
