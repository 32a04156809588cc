import { createHmac } from 'node:crypto'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VERSION_HEADER } from '../../contract/headers.ts'
import { MAX_TEXT_LENGTH, newPostSchema, pageSchema, postSchema, userInputSchema } from '../../contract/post.ts'
import type { ProblemSlug } from '../../contract/problem.ts'
import { eventually } from '../support/eventually.ts'
import { expectProblem } from '../support/expect-problem.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const NOBODY = '1999999999999999999'
/** 19 digits that are no id, and other things that are none. */
const NO_IDS = [
  'abc',
  '1',
  '0'.repeat(19),
  '9'.repeat(19),
  '1'.repeat(20),
  '-111111111111111111',
  '1e18',
  '%00',
  '%2F',
  '%F0%9F%8C%8A',
  '%ff',
]
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

let stack: Stack
let author: Client
let reader: Client
let nobody: Client
let service: string
/** A post of 2,000 emoji, and one that was deleted. */
let postId: string
let deletedId: string
let before: unknown

beforeAll(async () => {
  stack = await startStack()
  const [authorId = '', readerId = ''] = await makeUsers(stack.db, 2)
  await makeFollows(stack.db, [[readerId, authorId]])
  author = await stack.client(authorId)
  reader = await stack.client(readerId)
  nobody = await stack.client(NOBODY)
  service = await stack.tokenFor({ role: 'service' })
  postId = await make({ text: '🌊'.repeat(MAX_TEXT_LENGTH) })
  await make({ text: 'used' }, { 'idempotency-key': 'used' })
  await make({ text: 'third' })
  deletedId = await make({ text: 'deleted' })
  expect((await author.fetch(`/v1/posts/${deletedId}`, { method: 'DELETE' })).status).toBe(204)
  await eventually(async () => expect((await rows())?.fanout_jobs).toBe('0'))
  before = await rows()
})
afterAll(() => stack.stop())

async function make(body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const response = await post(JSON.stringify(body), { ...JSON_TYPE, ...headers })
  expect(response.status).toBe(201)
  return (await response.json()).id
}

/** All that a write could have left behind. */
async function rows() {
  const [counts] = await stack.db.execute(sql`
    select (select count(*)::text from posts) as posts, (select sum(version)::text from posts) as post_versions,
      (select count(*)::text from follows) as follows, (select count(*)::text from users) as users,
      (select sum(version)::text from users) as user_versions, (select sum(post_version)::text from authors) as author_versions,
      (select count(*)::text from fanout_jobs) as fanout_jobs, (select count(*)::text from idempotency_keys) as idempotency_keys`)
  return counts
}

const post = (body: BodyInit | null, headers: Record<string, string> = JSON_TYPE) =>
  author.fetch('/v1/posts', { method: 'POST', headers, body })
const send = (method: string, path: string, authorization?: string, body?: string) =>
  fetch(stack.urls[0] + path, {
    method,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...(body === undefined ? {} : JSON_TYPE) },
    ...(body === undefined ? {} : { body }),
  })
const putUser = (body: unknown, id = NOBODY) => send('PUT', `/v1/users/${id}`, `Bearer ${service}`, JSON.stringify(body))

/** The promise of most lines below: what is asked is refused with this problem. */
const refuses = (what: string, slug: ProblemSlug, ask: () => Promise<Response>) =>
  test(`${what}: ${slug}`, async () => void (await expectProblem(await ask(), slug)))

test('2,000 emoji are 2,000 characters', async () => {
  const response = await reader.fetch(`/v1/posts/${postId}`)
  expect(postSchema.parse(await response.json()).text).toBe('🌊'.repeat(MAX_TEXT_LENGTH))
})

describe('a body', () => {
  const texts: Record<string, unknown> = {
    'of 2,001 characters': 'x'.repeat(MAX_TEXT_LENGTH + 1),
    'of 2,001 emoji': '🌊'.repeat(MAX_TEXT_LENGTH + 1),
    'with U+0000': 'a\u0000b',
    'with a lone high surrogate': 'a\ud83c',
    'with a lone low surrogate': '\udf0a',
    'that is empty': '',
    'that is blank': ' \t\n\u00a0\u2003',
    'that is a number': 42,
    'that is null': null,
    'that is a list': ['text'],
    'that is an object': { text: 'text' },
  }
  for (const [what, text] of Object.entries(texts)) refuses(`text ${what}`, 'bad-request', () => post(JSON.stringify({ text })))

  for (const body of [
    '{}',
    '[]',
    'null',
    '"text"',
    '1',
    'true',
    '{"text":"a","mode":"pull"}',
    '{"text":"a","__proto__":{}}',
    '{"Text":"a"}',
  ])
    refuses(`that is JSON but not a post, ${body}`, 'bad-request', () => post(body))
  for (const body of ['', '{', '{"text":"a"', "{'text':'a'}", '{"text":"a",}', '{"text":"a"}x', '{"text":"\t"}', 'NaN', '[['])
    refuses(`that is not JSON, ${JSON.stringify(body)}`, 'bad-json', () => post(body))
  refuses('nested 16,000 deep', 'bad-json', () => post('['.repeat(16_000)))
  refuses('that is not UTF-8', 'bad-json', () => post(new Uint8Array([...Buffer.from('{"text":"'), 0xff, 0xfe, ...Buffer.from('"}')])))
  refuses('that is missing', 'unsupported-media-type', () => author.fetch('/v1/posts', { method: 'POST' }))
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'text/json',
    'multipart/form-data; boundary=x',
    '',
  ])
    refuses(`of type "${type}"`, 'unsupported-media-type', () => post('{"text":"a"}', { 'content-type': type }))

  refuses('larger than 32 KiB', 'too-large', () => post(JSON.stringify({ text: 'x'.repeat(33_000) })))
  test('larger than 32 KiB without a Content-Length: too-large', async () => {
    const chunk = new Uint8Array(16_384).fill(120)
    let chunks = 0
    const endless = new ReadableStream<Uint8Array>({ pull: (to) => (chunks++ < 64 ? to.enqueue(chunk) : to.close()) })
    const init = { method: 'POST', headers: JSON_TYPE, body: endless, duplex: 'half' as const }
    await expectProblem(await author.fetch('/v1/posts', init), 'too-large')
  })

  test('that is wrong names each field that is', async () => {
    const document = await expectProblem(await putUser({ handle: 'a b', name: 1, role: 'admin' }), 'bad-request')
    expect(document.errors?.map(({ field }) => field)).toEqual(expect.arrayContaining(['handle', 'name']))
  })
  const name = 'Nobody'
  const handle = 'nobody'
  const users = [
    { name },
    { handle },
    { handle: '', name },
    { handle: 'x'.repeat(65), name },
    { handle: 'a/b', name },
    { handle: 'ünï', name },
  ]
  const names = [
    { handle, name: '' },
    { handle, name: 'x'.repeat(101) },
    { handle, name: 'a\u0000' },
    { handle, name: 'a\ud83c' },
    { handle, name: null },
  ]
  for (const user of [...users, ...names, { handle, name, id: NOBODY }, [], 'user'])
    refuses(`that is no user, ${JSON.stringify(user).slice(0, 60)}`, 'bad-request', () => putUser(user))
})

describe('a cursor', () => {
  const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  const withCursor = (cursor: string, client = reader, path = '/v1/feed/following') =>
    client.fetch(`${path}?limit=1&cursor=${encodeURIComponent(cursor)}`)
  async function cursorOf(client: Client, path: string): Promise<string> {
    return eventually(async () => {
      const page = pageSchema.parse(await (await client.fetch(`${path}?limit=1`)).json())
      return page.next_cursor ?? expect.fail('the feed has one page only')
    })
  }

  test('is good where it came from', async () => {
    expect((await withCursor(await cursorOf(reader, '/v1/feed/following'))).status).toBe(200)
    const list = `/v1/users/${author.id}/posts`
    expect((await withCursor(await cursorOf(reader, list), author, list)).status).toBe(200)
  })
  test('with one character changed, anywhere: bad-cursor', async () => {
    const good = await cursorOf(reader, '/v1/feed/following')
    for (let at = 0; at < good.length; at += 3) await expectProblem(await withCursor(flip(good, at)), 'bad-cursor')
    await expectProblem(await withCursor(flip(good, good.length - 1)), 'bad-cursor')
  })
  test('cut off, anywhere: bad-cursor', async () => {
    const good = await cursorOf(reader, '/v1/feed/following')
    const cuts = [1, 2, 3, 4, 10, good.indexOf('.'), good.indexOf('.') + 1, good.length - 20, good.length - 2, good.length - 1]
    for (const length of cuts) await expectProblem(await withCursor(good.slice(0, length)), 'bad-cursor')
  })
  test('of another feed, another viewer or another author: bad-cursor', async () => {
    const mine = await cursorOf(reader, '/v1/feed/following')
    const authors = await cursorOf(reader, `/v1/users/${author.id}/posts`)
    await expectProblem(await withCursor(mine, author), 'bad-cursor')
    await expectProblem(await withCursor(mine, reader, `/v1/users/${author.id}/posts`), 'bad-cursor')
    await expectProblem(await withCursor(authors), 'bad-cursor')
    await expectProblem(await withCursor(authors, reader, `/v1/users/${reader.id}/posts`), 'bad-cursor')
  })
  test('that we signed for something else: bad-cursor', async () => {
    const good = await cursorOf(reader, '/v1/feed/following')
    const written = await reader.fetch(`/v1/users/${author.id}/follow`, { method: 'DELETE' })
    expect((await reader.fetch(`/v1/users/${author.id}/follow`, { method: 'POST' })).status).toBe(200)
    await expectProblem(await withCursor(written.headers.get(VERSION_HEADER) ?? good), 'bad-cursor')
  })
  for (const text of ['', '.', '..', 'a.b', 'a.b.c', 'null', '%', '🌊', '=', 'e30.e30', 'x'.repeat(4_000)])
    refuses(`that is "${text.slice(0, 20)}"`, 'bad-cursor', () => withCursor(text))
})

describe('limit', () => {
  for (const limit of [
    '0',
    '-1',
    '101',
    '1000',
    'abc',
    '1.5',
    '',
    '%2B5',
    '%205',
    '0x10',
    '1e1',
    'Infinity',
    '%EF%BC%91',
    '9'.repeat(40),
  ]) {
    refuses(`=${limit} of a feed`, 'bad-request', () => reader.fetch(`/v1/feed/following?limit=${limit}`))
    refuses(`=${limit} of an author`, 'bad-request', () => reader.fetch(`/v1/users/${author.id}/posts?limit=${limit}`))
  }
})

describe('a token', () => {
  const inAnHour = Math.floor(Date.now() / 1_000) + 3_600
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  /** A token made by hand, so that it may lie. */
  function token(
    claims: object,
    header: object = { alg: 'HS256', typ: 'JWT' },
    hash = 'sha256',
    secret = stack.secrets.JWT_SECRET,
  ): string {
    const signed = `${part(header)}.${part(claims)}`
    return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
  }
  const good = () => ({ sub: reader.id, exp: inAnHour })
  const bad: Record<string, () => string> = {
    'that has expired': () => token({ ...good(), exp: inAnHour - 7_200 }),
    'that expired in 1970': () => token({ ...good(), exp: 0 }),
    'without an end': () => token({ sub: reader.id }),
    'with an end that is text': () => token({ ...good(), exp: String(inAnHour) }),
    'that is not valid yet': () => token({ ...good(), nbf: inAnHour }),
    'of another secret': () => token(good(), undefined, undefined, 'another-secret-0123456789'),
    'signed with the secret of cursors': () => token(good(), undefined, undefined, stack.secrets.SIGNING_SECRET),
    'of alg none': () => `${part({ alg: 'none', typ: 'JWT' })}.${part(good())}.`,
    'of alg none with a signature': () => token(good(), { alg: 'none' }),
    'of HS384': () => token(good(), { alg: 'HS384', typ: 'JWT' }, 'sha384'),
    'of HS512': () => token(good(), { alg: 'HS512', typ: 'JWT' }, 'sha512'),
    'of RS256, signed with the secret': () => token(good(), { alg: 'RS256', typ: 'JWT' }),
    'without alg': () => token(good(), { typ: 'JWT' }),
    'with critical extensions': () => token(good(), { alg: 'HS256', crit: ['exp'] }),
    'with claims that are not ours': () => token(good()).replace(/\.[^.]+\./, `.${part({ ...good(), sub: author.id })}.`),
    'with null for claims': () => token(null as unknown as object),
    'without sub': () => token({ exp: inAnHour }),
    'with a number as sub': () => token({ ...good(), sub: 1_100_000_000 }),
    'with a name as sub': () => token({ ...good(), sub: 'alice' }),
    'with an id that is too large as sub': () => token({ ...good(), sub: '9'.repeat(19) }),
    'of garbage': () => 'x.y.z',
    'of one part': () => 'token',
    'of no part': () => '',
    'of four parts': () => `${token(good())}.x`,
  }
  test('made by hand is good when it does not lie', async () => {
    expect((await send('GET', '/v1/feed/following', `Bearer ${token({ ...good(), iat: inAnHour })}`)).status).toBe(200)
  })
  for (const [what, make] of Object.entries(bad)) {
    refuses(what, 'unauthorized', () => send('GET', '/v1/feed/following', `Bearer ${make()}`))
    refuses(`${what}, where none is needed`, 'unauthorized', () => send('GET', `/v1/posts/${postId}`, `Bearer ${make()}`))
    refuses(`${what}, on a write`, 'unauthorized', () => send('POST', '/v1/posts', `Bearer ${make()}`, '{"text":"a"}'))
  }
  refuses('in another scheme', 'unauthorized', () => send('GET', '/v1/feed/following', 'Basic dXNlcjpwYXNz'))

  const writes = (): [string, string, string?][] => [
    ['POST', '/v1/posts', '{"text":"a"}'],
    ['POST', `/v1/posts/${postId}/repost`],
    ['DELETE', `/v1/posts/${postId}/repost`],
    ['POST', `/v1/users/${author.id}/follow`],
    ['DELETE', `/v1/users/${author.id}/follow`],
  ]
  test('is needed for the feed and for every write: unauthorized', async () => {
    await expectProblem(await send('GET', '/v1/feed/following'), 'unauthorized')
    for (const [method, path, body] of writes()) await expectProblem(await send(method, path, undefined, body), 'unauthorized')
    await expectProblem(await send('DELETE', `/v1/posts/${postId}`), 'unauthorized')
    await expectProblem(await send('PUT', `/v1/users/${NOBODY}`, undefined, '{"handle":"a","name":"A"}'), 'unauthorized')
  })
  test('of a user who does not exist says so: unauthorized', async () => {
    const asked: [string, string, string?][] = [['GET', '/v1/feed/following'], ...writes()]
    for (const [method, path, body] of asked) {
      const document = await expectProblem(await send(method, path, `Bearer ${nobody.token}`, body), 'unauthorized')
      expect(document.detail).toBe(`There is no user ${NOBODY}.`)
    }
  })
  test('of a service is none of a user: forbidden', async () => {
    const asked: [string, string, string?][] = [['GET', '/v1/feed/following'], ...writes(), ['DELETE', `/v1/posts/${postId}`]]
    for (const [method, path, body] of asked) await expectProblem(await send(method, path, `Bearer ${service}`, body), 'forbidden')
  })
  refuses('of a user is none of a service', 'forbidden', () =>
    send('PUT', `/v1/users/${author.id}`, `Bearer ${author.token}`, '{"handle":"a","name":"A"}'),
  )
})

describe('an id', () => {
  test('that is none is refused wherever it stands: bad-request', async () => {
    for (const id of NO_IDS) {
      await expectProblem(await reader.fetch(`/v1/posts/${id}`), 'bad-request')
      await expectProblem(await reader.fetch(`/v1/users/${id}/posts`), 'bad-request')
      await expectProblem(await reader.fetch(`/v1/posts/${id}`, { method: 'DELETE' }), 'bad-request')
      await expectProblem(await reader.fetch(`/v1/posts/${id}/repost`, { method: 'POST' }), 'bad-request')
      await expectProblem(await reader.fetch(`/v1/users/${id}/follow`, { method: 'POST' }), 'bad-request')
      await expectProblem(await putUser({ handle: 'nobody', name: 'Nobody' }, id), 'bad-request')
    }
  })
  refuses('of no post, read', 'not-found', () => reader.fetch(`/v1/posts/${NOBODY}`))
  refuses('of no post, deleted', 'not-found', () => reader.fetch(`/v1/posts/${NOBODY}`, { method: 'DELETE' }))
  refuses('of no post, reposted', 'not-found', () => reader.fetch(`/v1/posts/${NOBODY}/repost`, { method: 'POST' }))
  refuses('of no user, read', 'not-found', () => reader.fetch(`/v1/users/${NOBODY}/posts`))
  refuses('of no user, followed', 'not-found', () => reader.fetch(`/v1/users/${NOBODY}/follow`, { method: 'POST' }))
  refuses('of yourself, followed', 'bad-request', () => reader.fetch(`/v1/users/${reader.id}/follow`, { method: 'POST' }))
  refuses("of another's post, deleted", 'forbidden', () => reader.fetch(`/v1/posts/${postId}`, { method: 'DELETE' }))
  refuses('of a deleted post, read', 'gone', () => reader.fetch(`/v1/posts/${deletedId}`))
  refuses('of a deleted post, reposted', 'gone', () => reader.fetch(`/v1/posts/${deletedId}/repost`, { method: 'POST' }))
})

describe('a path', () => {
  const offered = () => ({
    '/v1/feed/following': 'GET, HEAD',
    '/v1/posts': 'POST',
    [`/v1/posts/${postId}`]: 'GET, HEAD, DELETE',
    [`/v1/posts/${postId}/repost`]: 'POST, DELETE',
    [`/v1/users/${author.id}`]: 'PUT',
    [`/v1/users/${author.id}/posts`]: 'GET, HEAD',
    [`/v1/users/${author.id}/follow`]: 'POST, DELETE',
    '/healthz': 'GET, HEAD',
  })
  test('asked with a method it does not offer says which it does: method-not-allowed', async () => {
    for (const [path, allow] of Object.entries(offered())) {
      for (const method of METHODS.filter((name) => !allow.split(', ').includes(name))) {
        const response = await send(method, path, `Bearer ${author.token}`, method === 'GET' ? undefined : '{"text":"a"}')
        expect(response.headers.get('allow'), `${method} ${path}`).toBe(allow)
        await expectProblem(response, 'method-not-allowed')
      }
    }
  })
  for (const path of [
    '/',
    '/v1',
    '/v1/',
    '/v1/posts/',
    '/v2/posts',
    '/v1/feed',
    '/v1/feed/for-you',
    '/V1/posts',
    '/internal/load',
    '/readyz',
    '//',
  ])
    refuses(`${path} that is not there`, 'not-found', () => author.fetch(path))
  refuses('that is not there, written to', 'not-found', () =>
    author.fetch('/internal/load', { method: 'POST', headers: JSON_TYPE, body: '{"keys":["crowd"]}' }),
  )
})

describe('an Idempotency-Key', () => {
  const keyed = (key: string, body = '{"text":"used"}') => post(body, { ...JSON_TYPE, 'idempotency-key': key })
  refuses('used for another text', 'idempotency-key-reused', () => keyed('used', '{"text":"other"}'))
  refuses('used for another write', 'idempotency-key-reused', () =>
    author.fetch(`/v1/posts/${postId}/repost`, { method: 'POST', headers: { 'idempotency-key': 'used' } }),
  )
  for (const key of ['x'.repeat(256), '', 'a b', 'é', 'x'.repeat(4_000)]) refuses(`"${key.slice(0, 20)}"`, 'bad-request', () => keyed(key))
})

describe('whatever comes', () => {
  const notA = (schema: { safeParse(value: unknown): { success: boolean } }) => (text: string) => {
    try {
      return !schema.safeParse(JSON.parse(text)).success
    } catch {
      return true
    }
  }
  const binary = fc.string({ unit: 'binary', maxLength: 40 })
  const anything = fc.oneof(fc.jsonValue(), binary)
  const bodies = fc.oneof(
    fc.json(),
    binary,
    fc.record({ text: anything, handle: anything, name: anything }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
  )
  /** What a header may hold on the wire: visible characters and blanks, ASCII or not. */
  const visible = fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 80,
  })
  const names = [
    'authorization',
    'cookie',
    VERSION_HEADER,
    'if-none-match',
    'content-type',
    'idempotency-key',
    'origin',
    'accept',
    'range',
    'accept-encoding',
  ]
  const headers = fc.dictionary(
    fc.constantFrom(...names, 'x-forwarded-for', 'tideline-signature', 'tideline-raised', 'tideline-request-id'),
    visible,
    { maxKeys: 8 },
  )

  test('a JSON body that is no post and no user is a problem of the client', () =>
    fc.assert(
      fc.asyncProperty(bodies.filter(notA(newPostSchema)).filter(notA(userInputSchema)), async (body) => {
        const put = send('PUT', `/v1/users/${NOBODY}`, `Bearer ${service}`, body)
        for (const response of await Promise.all([post(body), put])) {
          expect([400, 413]).toContain(response.status)
          await expectProblem(response, response.status === 413 ? 'too-large' : (await response.clone().json()).type.split('/').at(-1))
        }
      }),
      { numRuns: 150 },
    ))
  test('headers of garbage never give a 5xx', () =>
    fc.assert(
      fc.asyncProperty(headers, visible, async (garbage, query) => {
        const paths = [
          `/v1/feed/following?cursor=${encodeURIComponent(query)}`,
          `/v1/posts/${postId}?${encodeURIComponent(query)}`,
          `/v1/${encodeURIComponent(query)}`,
        ]
        const reads = paths.map((path) => fetch(stack.urls[0] + path, { headers: { authorization: `Bearer ${reader.token}`, ...garbage } }))
        const write = fetch(`${stack.urls[0]}/v1/posts`, {
          method: 'POST',
          headers: { authorization: `Bearer ${author.token}`, ...garbage },
          body: '{}',
        })
        for (const response of await Promise.all([...reads, write])) {
          expect(response.status).toBeLessThan(500)
          await response.arrayBuffer()
        }
      }),
      { numRuns: 150 },
    ))
})

test('nothing was written by all of this', async () => {
  expect(await rows()).toEqual(before)
})
