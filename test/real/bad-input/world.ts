import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { VERSION_HEADER } from '../../../contract/headers.ts'
import { MAX_TEXT_LENGTH } from '../../../contract/post.ts'
import type { ProblemSlug } from '../../../contract/problem.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { makeFollows, makeUsers } from '../../support/people.ts'
import { startStack } from '../../support/stack.ts'

export const JSON_TYPE = { 'content-type': 'application/json' }
/** An id that nobody and nothing has. */
export const NOBODY = '1999999999999999999'
/** The Idempotency-Key of a post whose text is the same word. */
export const USED = 'used'

export type World = Awaited<ReturnType<typeof createWorld>>

/** Who and what bad input is about: an author with three posts and a deleted one, and a reader who follows them. */
export async function createWorld() {
  const stack = await startStack()
  const [authorId = '', readerId = ''] = await makeUsers(stack.db, 2)
  await makeFollows(stack.db, [[readerId, authorId]])
  const [author, reader, nobody] = await Promise.all([authorId, readerId, NOBODY].map(stack.client)).then(atLeastThree)
  const service = await stack.tokenFor({ role: 'service' })

  const post = (body: BodyInit | null, headers: Record<string, string> = JSON_TYPE) =>
    author.fetch('/v1/posts', { method: 'POST', headers, body })
  const send = (method: string, path: string, authorization?: string, body?: string) =>
    fetch(stack.urls[0] + path, {
      method,
      headers: { ...(authorization === undefined ? {} : { authorization }), ...(body === undefined ? {} : JSON_TYPE) },
      ...(body === undefined ? {} : { body }),
    })
  const putUser = (user: unknown, id = NOBODY) => send('PUT', `/v1/users/${id}`, `Bearer ${service}`, JSON.stringify(user))

  async function make(text: string, key?: string): Promise<{ id: string; version: string }> {
    const response = await post(JSON.stringify({ text }), { ...JSON_TYPE, ...(key === undefined ? {} : { 'idempotency-key': key }) })
    expect(response.status).toBe(201)
    return { id: (await response.json()).id, version: response.headers.get(VERSION_HEADER) ?? '' }
  }

  /** All that a write could leave behind. */
  async function rows() {
    const [counts] = await stack.db.execute(sql`
      select (select count(*)::int from posts) as posts, (select sum(version)::int from posts) as post_versions,
        (select count(*)::int from follows) as follows, (select count(*)::int from users) as users,
        (select sum(version)::int from users) as user_versions, (select sum(post_version)::int from authors) as author_versions,
        (select sum(view_version)::int from viewers) as viewer_versions, (select count(*)::int from fanout_jobs) as fanout_jobs,
        (select count(*)::int from invalidations) as invalidations, (select count(*)::int from idempotency_keys) as idempotency_keys`)
    return counts
  }

  const { id: postId } = await make('🌊'.repeat(MAX_TEXT_LENGTH))
  await make(USED, USED)
  const { version: versionToken } = await make('third')
  const { id: deletedId } = await make('deleted')
  expect((await author.fetch(`/v1/posts/${deletedId}`, { method: 'DELETE' })).status).toBe(204)
  await eventually(async () => expect((await rows())?.fanout_jobs).toBe(0))
  const before = await rows()
  return { stack, author, reader, nobody, service, post, send, putUser, rows, before, postId, deletedId, versionToken }
}

function atLeastThree<T>([first, second, third]: T[]): [T, T, T] {
  if (first === undefined || second === undefined || third === undefined) throw new Error('three were asked for')
  return [first, second, third]
}

/** The promise of most lines here: what is asked is refused, with this problem. */
export function refuses(what: string, slug: ProblemSlug, ask: () => Promise<Response>): void {
  test(`${what}: ${slug}`, async () => void (await expectProblem(await ask(), slug)))
}
