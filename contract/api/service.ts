import * as z from 'zod'
import { PROBLEMS } from '../problem.ts'
import { json, type Operation } from './operation.ts'
import { IF_NONE_MATCH } from './parameters.ts'

const healthSchema = z.strictObject({ status: z.literal('ok') })

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
