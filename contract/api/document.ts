import * as z from 'zod'
import { REQUEST_ID_HEADER } from '../headers.ts'
import { idSchema } from '../ids.ts'
import { activitySchema, followingSchema, newPostSchema, pageSchema, postSchema, profileSchema, userInputSchema } from '../post.ts'
import { PROBLEMS, type ProblemSlug } from '../problem.ts'
import { HEADERS, type HeaderName, spelled } from './headers.ts'
import { type Answer, type Operation, TAGS } from './operation.ts'
import type { Parameter } from './parameters.ts'
import { problemExample, problemSchema } from './problems.ts'
import { READS } from './reads.ts'
import { RELATIONS } from './relations.ts'
import { SERVICE } from './service.ts'
import { WRITES } from './writes.ts'

type Json = Readonly<Record<string, unknown>>

/** Every operation of the public API, in the order of the docs. What exists in development only is not of it. */
const OPERATIONS: readonly Operation[] = [...READS, ...WRITES, ...RELATIONS, ...SERVICE]

/** Schemas with a name of their own in the document. */
const NAMED = new Map<z.ZodType, string>([
  [pageSchema, 'Page'],
  [postSchema, 'Post'],
  [profileSchema, 'Profile'],
  [newPostSchema, 'NewPost'],
  [activitySchema, 'Activity'],
  [followingSchema, 'Following'],
  [userInputSchema, 'UserInput'],
  [problemSchema, 'Problem'],
  [idSchema, 'Id'],
])
/** Unknown fields are refused in requests. An answer may gain some one day, so the document does not shut it. */
const REQUESTS = new Set<unknown>([newPostSchema, userInputSchema])

const SECURITY = { none: undefined, optional: [{}, { user: [] }], user: [{ user: [] }], service: [{ service: [] }] } as const

const ABOUT = `The read layer of a social feed: a worker at the edge answers reads from cache, an origin keeps the truth.

Requests and answers are JSON in UTF-8. \`HEAD\` is answered wherever \`GET\` is. A path that exists, asked with another method, is a 405 whose
\`Allow\` says what there is. Answers may gain fields: ignore those you do not know.

Errors are problem documents (RFC 9457). Each names its kind in \`type\` and its request in \`instance\`.`

/** The API as an OpenAPI 3.1 document. Takes some milliseconds: keep what it answers. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tideline',
      version: '0.1.0',
      summary: 'The read layer of a social feed.',
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: pathsOf(OPERATIONS),
    components: {
      securitySchemes: {
        user: bearer('A JWT signed HS256 with the secret of the worker: `sub` is the id of a user (19 digits), `exp` is needed.'),
        service: bearer(
          'The same with `"role": "service"` in place of `sub`: it may create, change and suspend users and read the log of activities, nothing else.',
        ),
      },
      schemas: namedSchemas(),
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, [description, example]]) => [
          spelled(name),
          { description, schema: { type: 'string' }, example },
        ]),
      ),
      examples: Object.fromEntries(slugs(PROBLEMS).map((slug) => [slug, problemExample(slug)])),
    },
  }
}

const slugs = (problems: typeof PROBLEMS): ProblemSlug[] => Object.keys(problems) as ProblemSlug[]
const bearer = (description: string): Json => ({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description })

function pathsOf(operations: readonly Operation[]): Json {
  const paths = Map.groupBy(operations, ({ path }) => path)
  return Object.fromEntries(
    [...paths].map(([path, those]) => [path, Object.fromEntries(those.map((one) => [one.method, operationOf(one)]))]),
  )
}

function operationOf(operation: Operation): Json {
  const { id, tag, summary, description, token, parameters, body, answers } = operation
  const security = SECURITY[token]
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(security ? { security } : {}),
    ...(parameters.length > 0 ? { parameters: parameters.map(parameterOf) } : {}),
    ...(body
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body.schema), example: body.example } } } }
      : {}),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, answerOf(answer)])),
      ...problemAnswersOf(problemsOf(operation)),
    },
  }
}

const parameterOf = ({ schema, ...rest }: Parameter): Json => ({ ...rest, required: rest.in === 'path', schema: schemaOf(schema) })

const headersOf = (names: readonly HeaderName[]): Json =>
  Object.fromEntries([...names, REQUEST_ID_HEADER].map((name) => [spelled(name), { $ref: `#/components/headers/${spelled(name)}` }]))

const answerOf = ({ description, headers, content }: Answer): Json => ({
  description,
  headers: headersOf(headers),
  ...(content ? { content: { [content.type]: { schema: schemaOf(content.schema), example: content.example } } } : {}),
})

/** What an operation may answer instead: its own problems and those that every operation of its kind has. */
function problemsOf({ token, body, problems }: Operation): ProblemSlug[] {
  const ofToken: Record<typeof token, ProblemSlug[]> = {
    none: [],
    optional: ['unauthorized'],
    user: ['unauthorized', 'forbidden'],
    service: ['unauthorized', 'forbidden'],
  }
  const ofBody: ProblemSlug[] = body ? ['bad-json', 'unsupported-media-type'] : []
  const all = new Set<ProblemSlug>([...problems, ...ofToken[token], ...ofBody, 'internal'])
  return slugs(PROBLEMS).filter((slug) => all.has(slug))
}

/** Problems by status, each with its example. */
function problemAnswersOf(problems: readonly ProblemSlug[]): Json {
  const headersAt: Readonly<Record<number, readonly HeaderName[]>> = { 401: ['www-authenticate'], 503: ['retry-after'] }
  const byStatus = Map.groupBy(problems, (slug) => PROBLEMS[slug][0])
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => [
      status,
      {
        description: those.map((slug) => `\`${slug}\`: ${PROBLEMS[slug][1]}.`).join(' '),
        headers: headersOf(headersAt[status] ?? []),
        content: {
          'application/problem+json': {
            schema: schemaOf(problemSchema),
            examples: Object.fromEntries(those.map((slug) => [slug, { $ref: `#/components/examples/${slug}` }])),
          },
        },
      },
    ]),
  )
}

const uri = (name: string): string => `#/components/schemas/${name}`

/** zod speaks JSON Schema 2020-12, which is what OpenAPI 3.1 speaks. */
function namedSchemas(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [schema, id] of NAMED) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { uri, io: 'input', override })
  return Object.fromEntries([...NAMED.values()].map((name) => [name, bare(schemas[name] ?? {})]))
}

/** A reference to a schema that has a name, else the schema itself. */
function schemaOf(schema: z.ZodType): Json {
  const name = NAMED.get(schema)
  return name === undefined ? bare(z.toJSONSchema(schema, { io: 'input', override })) : { $ref: uri(name) }
}

const bare = ({ $schema: _, $id: __, ...schema }: Json): Json => schema

function override({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false && !REQUESTS.has(zodSchema)) delete jsonSchema.additionalProperties
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern // 300 characters that say no more than the format
}
