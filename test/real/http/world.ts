import { expect } from 'vitest'
import { VERSION_HEADER } from '../../../contract/headers.ts'
import { type Activity, activitySchema, type Page, type Post, pageSchema, postSchema } from '../../../contract/post.ts'
import { makeFollows, makeUsers } from '../../support/people.ts'
import { type Client, startStack } from '../../support/stack.ts'

export type World = Awaited<ReturnType<typeof createWorld>>

export const FEED = '/v1/feed/following'
/** The one origin that browsers may call from. */
export const ALLOWED = 'https://app.example'

/** What the worker is told beside its own secrets: a rotation is under way. */
export const PREVIOUS = { JWT_SECRET_PREVIOUS: 'previous-jwt-secret-0123', SIGNING_SECRET_PREVIOUS: 'previous-signing-secret-0123' }

/** Two isolates and as many people as a test asks for: each test has its own. */
export async function createWorld() {
  const stack = await startStack({ isolates: 2, worker: { CORS_ORIGINS: `https://www.example, ${ALLOWED}`, ...PREVIOUS } })
  return {
    stack,
    service: await stack.tokenFor({ role: 'service' }),
    /** A new author, and a new reader who follows them. */
    async pair(): Promise<{ author: Client; reader: Client }> {
      const [authorId = '', readerId = ''] = await makeUsers(stack.db, 2)
      await makeFollows(stack.db, [[readerId, authorId]])
      return { author: await stack.client(authorId), reader: await stack.client(readerId) }
    },
    async stranger(): Promise<Client> {
      const [id = ''] = await makeUsers(stack.db, 1)
      return stack.client(id)
    },
  }
}

/** Creates a post; answers what the API answered. */
export async function write(author: Client, text: string): Promise<Activity & { readonly version: string }> {
  const response = await post(author, { text })
  expect(response.status).toBe(201)
  return { ...activitySchema.parse(await response.json()), version: response.headers.get(VERSION_HEADER) ?? '' }
}

export const post = (author: Client, body: unknown, headers: Record<string, string> = {}, isolate = 0): Promise<Response> =>
  author.fetch('/v1/posts', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    isolate,
  })

/** The body of an answer as what the contract says it is. */
export const pageOf = async (response: Response): Promise<Page> => pageSchema.parse(await ok(response))
export const postOf = async (response: Response): Promise<Post> => postSchema.parse(await ok(response))
export const activityOf = async (response: Response): Promise<Activity> => activitySchema.parse(await ok(response))

async function ok(response: Response): Promise<unknown> {
  const text = await response.text()
  expect(response.status, text).toBeLessThan(300)
  return JSON.parse(text)
}
