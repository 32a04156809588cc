import * as z from 'zod'
import { activityKindSchema, activityPageSchema, DEFAULT_ACTIVITIES, type LoggedActivity, MAX_ACTIVITIES } from '../activities.ts'
import { PROBLEMS } from '../problem.ts'
import { CALLER, POST, PRIYA } from './cast.ts'
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

const LOG_CURSOR = '5f3a9c0b1d2e4f60.81250.409117'
const logged: readonly LoggedActivity[] = [
  {
    cursor: '5f3a9c0b1d2e4f60.81249.409116',
    kind: 'post',
    at: POST.created_at,
    actor_id: PRIYA.id,
    post_id: POST.id,
    text: POST.text,
    audience: 'public',
  },
  { cursor: LOG_CURSOR, kind: 'follow', at: '2026-11-21T10:12:31.020Z', actor_id: CALLER.id, subject_id: PRIYA.id },
]

export const SERVICE: readonly Operation[] = [
  {
    id: 'getActivities',
    method: 'get',
    path: '/v1/activities',
    tag: 'Service',
    summary: 'Follow what happens',
    description:
      'The log of posts, deletions, follows and the like, for a search index, notifications or a warehouse: at least once, in the order in which it took effect. Without `cursor` it begins with the oldest that is kept. `docs/consumers.md` has the guarantees.',
    token: 'service',
    parameters: [
      { name: 'cursor', in: 'query', description: '`next_cursor` of the page before, or `cursor` of any activity.', schema: z.string() },
      {
        name: 'from',
        in: 'query',
        description: 'Where to begin without a cursor; `newest` brings no activity, only where the log ends now.',
        schema: z.enum(['oldest', 'newest']).default('oldest'),
      },
      {
        name: 'limit',
        in: 'query',
        description: 'How many activities at most.',
        schema: z.int().min(1).max(MAX_ACTIVITIES).default(DEFAULT_ACTIVITIES),
        example: 100,
      },
      {
        name: 'kinds',
        in: 'query',
        description: `Only these, separated by commas: ${activityKindSchema.options.join(', ')}. A page may then be empty and not the last.`,
        schema: z.string(),
        example: 'post,delete,follow',
      },
    ],
    answers: [
      {
        status: 200,
        description: 'A page.',
        headers: ['cache-control'],
        content: json(activityPageSchema, { activities: logged, next_cursor: LOG_CURSOR, up_to_date: true }),
      },
    ],
    problems: ['bad-request', 'bad-cursor', 'cursor-expired', 'overloaded', 'origin-unavailable'],
  },
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
