import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CALLER, CURSOR, HANA, NEWCOMER, OWN_POST, POST, PRIYA, REPOST_ID } from '../../contract/api/cast.ts'
import { spelled } from '../../contract/api/headers.ts'
import { encodeGap } from '../../contract/cursor.ts'
import { importKey } from '../../contract/signed.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { putUser } from '../../origin/db/users.ts'
import { operationsOf, tokenOf } from '../../web/docs/document.js'
import { curlLine } from '../../web/docs/request.js'
import { runCurlLine } from '../support/curl-line.ts'
import { eventually } from '../support/eventually.ts'
import { contentOf, createJudge, theDocument } from '../support/openapi.ts'
import { makeFollows } from '../support/people.ts'
import { type Stack, startStack } from '../support/stack.ts'

const document = theDocument()
const judge = createJudge(document)

let stack: Stack
/** Of the caller's feed, in place of the one that is printed: a cursor is made when it is needed. */
let gapCursor = ''
beforeAll(async () => {
  stack = await startStack()
  const gap = { below: '2124999999999999999', above: '1500000000000000000', anchor: '2124999999999999999' }
  gapCursor = await encodeGap(await importKey(stack.secrets.SIGNING_SECRET), 'following', CALLER.id, gap)
  await stack.db.transaction(async (tx) => {
    for (const { id, handle, name } of [PRIYA, HANA, CALLER]) await putUser(tx, { id: BigInt(id), handle, name })
  })
  await makeFollows(stack.db, [[CALLER.id, HANA.id]])
  await stack.db.execute(sql`insert into follow_requests (target_id, requester_id) values (${CALLER.id}, ${HANA.id})`)
  const root = { id: BigInt(POST.id), authorId: BigInt(PRIYA.id) }
  for (const activity of [
    { ...root, text: POST.text, root: null },
    { id: BigInt(REPOST_ID), authorId: BigInt(HANA.id), text: null, root },
    { id: BigInt(OWN_POST.id), authorId: BigInt(CALLER.id), text: OWN_POST.text, root: null },
  ])
    await stack.db.transaction((tx) => insertActivity(tx, activity))
  // Beside Hana's repost: the example has twelve likes and three reposts.
  await stack.db.execute(sql`insert into post_counts (post_id, slot, likes, reposts) values (${POST.id}, 0, 12, 2)
    on conflict (post_id, slot) do update set likes = 12, reposts = post_counts.reposts + 2`)
  // Nobody waits for counts: they are to be known before somebody likes the post.
  const caller = await stack.client(CALLER.id)
  await eventually(async () => expect(await (await caller.fetch(`/v1/posts/${POST.id}`)).json()).toMatchObject({ counts: { likes: 12 } }))
})
afterAll(() => stack?.stop())

/** Sends the curl line that the docs print for an operation, with a token in its place. */
async function send(method: string, path: string, operation: Parameters<typeof tokenOf>[0]): Promise<Response> {
  const line = curlLine(stack.urls[0] ?? '', method, path, operation).replaceAll('\\\n', '')
  const claims = tokenOf(operation) === 'service' ? { role: 'service' } : { sub: CALLER.id }
  return runCurlLine(line.replace(encodeURIComponent(CURSOR), gapCursor).replace(/\$\w+_TOKEN/, await stack.tokenFor(claims)), new Map())
}

test("every operation's example can be sent as its curl line, and is answered as the document says", async () => {
  const operations = operationsOf(document)
  expect(operations.length).toBeGreaterThan(10)
  for (const { method, path, operation } of operations) {
    const name = operation.operationId
    const response = await send(method, path, operation)
    const text = await response.text()
    const [status, answer] = Object.entries(operation.responses).find(([code]) => code === String(response.status)) ?? []
    // 202 is what a private account answers: those of the examples are open, and test/real/relations has it.
    const done = Object.keys(operation.responses).findLast((code) => code.startsWith('2') && code !== '202')
    expect([name, status], text).toEqual([name, done])

    const [type, media] = contentOf(answer) ?? []
    expect(response.headers.get('content-type')?.split(';')[0], name).toBe(type?.split(';')[0])
    const body = type?.startsWith('application/json') ? JSON.parse(text) : text
    if (media) expect(judge(media.schema, body), name).toEqual([])
    else expect(text, name).toBe('')

    const documented = Object.keys(answer?.headers ?? {})
    const ofOurs = [...response.headers.keys()].filter((header) => /^(tideline-|idempotency-|etag|cache-)/.test(header))
    expect(documented, name).toEqual(expect.arrayContaining(ofOurs.map(spelled)))
    const sometimes = ['Tideline-Degraded', 'Idempotency-Replayed']
    for (const header of documented) expect(response.headers.has(header) || sometimes.includes(header), `${name} ${header}`).toBe(true)
  }
})

test('examples of reads are what the people of the examples really see', async () => {
  const bodyOf = async (path: string) => (await (await stack.client(CALLER.id)).fetch(path)).json()
  const exampleOf = (path: string) => contentOf(document.paths[path]?.get?.responses['200'])?.[1].example
  expect(await bodyOf(`/v1/posts/${POST.id}`)).toEqual(exampleOf('/v1/posts/{id}'))
  const shown = exampleOf('/v1/users/{id}/posts') as object
  expect(await bodyOf(`/v1/users/${PRIYA.id}/posts`)).toEqual({ ...shown, next_cursor: null })
})

test('problems are what the document says, of each kind of caller', async () => {
  const wrong: readonly [method: string, path: string, token: Record<string, unknown> | undefined, documented: string][] = [
    ['GET', '/v1/feed/following', undefined, '/v1/feed/following'],
    ['GET', '/v1/feed/following', { role: 'service' }, '/v1/feed/following'],
    ['GET', '/v1/feed/following?limit=0', { sub: CALLER.id }, '/v1/feed/following'],
    ['GET', '/v1/feed/following?cursor=x', { sub: CALLER.id }, '/v1/feed/following'],
    ['GET', '/v1/posts/1999999999999999999', undefined, '/v1/posts/{id}'],
    ['DELETE', `/v1/posts/${POST.id}`, { sub: CALLER.id }, '/v1/posts/{id}'],
    ['POST', '/v1/posts', { sub: CALLER.id }, '/v1/posts'],
    ['PUT', `/v1/users/${NEWCOMER.id}`, { sub: CALLER.id }, '/v1/users/{id}'],
  ]
  for (const [method, target, claims, path] of wrong) {
    const headers = claims ? { authorization: `Bearer ${await stack.tokenFor(claims)}` } : undefined
    const response = await fetch((stack.urls[0] ?? '') + target, { method, ...(headers ? { headers } : {}) })
    const body = (await response.json()) as { type: string }
    const [type, media] = contentOf(document.paths[path]?.[method.toLowerCase()]?.responses[response.status]) ?? []
    expect([target, response.headers.get('content-type')]).toEqual([target, type])
    expect(judge(media?.schema, body), target).toEqual([])
    expect(Object.keys(media?.examples ?? {}), target).toContain(body.type.replace('/problems/', ''))
  }
})

test('a document whose schema is wrong is caught by what the worker answers', async () => {
  const wrong = theDocument()
  Object.assign(wrong.components.schemas.Profile?.properties ?? {}, { name: { type: 'integer' } })
  delete wrong.components.schemas.Post?.properties?.activity_id
  const body = await (await fetch(`${stack.urls[0]}/v1/posts/${POST.id}`)).json()
  expect(createJudge(wrong)({ $ref: '#/components/schemas/Post' }, body)).toEqual(
    expect.arrayContaining(['/author/name must be integer', '/ must NOT have additional properties']),
  )
})
