import { describe, expect, test } from 'vitest'
import { expectProblem } from '../../support/expect-problem.ts'
import { JSON_TYPE, NOBODY, refuses, USED, type World } from './world.ts'

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
const NO_LIMITS = ['0', '-1', '101', '1000', 'abc', '1.5', '', '%2B5', '%205', '0x10', '1e1', 'Infinity', '%EF%BC%91', '9'.repeat(40)]
const NO_PATHS = ['/', '/v1', '/v1/', '/v1/posts/', '/v2/posts', '/v1/feed', '/v1/feed/for-you', '/V1/posts', '/internal/load', '//']
const NO_KEYS = ['', 'a b', 'é', 'x'.repeat(256), 'x'.repeat(4_000)]
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Ids, limits, paths, methods and keys that lead nowhere. */
export function addresses(world: () => World): void {
  describe('an id', () => {
    for (const id of NO_IDS) {
      test(`that is none, ${id}, wherever it stands: bad-request`, async () => {
        const { reader, putUser } = world()
        await expectProblem(await reader.fetch(`/v1/posts/${id}`), 'bad-request')
        await expectProblem(await reader.fetch(`/v1/users/${id}/posts`), 'bad-request')
        await expectProblem(await reader.fetch(`/v1/posts/${id}`, { method: 'DELETE' }), 'bad-request')
        await expectProblem(await reader.fetch(`/v1/posts/${id}/repost`, { method: 'POST' }), 'bad-request')
        await expectProblem(await reader.fetch(`/v1/users/${id}/follow`, { method: 'POST' }), 'bad-request')
        await expectProblem(await putUser({ handle: 'nobody', name: 'Nobody' }, id), 'bad-request')
      })
    }
    const ask = (method: string, path: string) => world().reader.fetch(path, { method })
    refuses('of no post, read', 'not-found', () => ask('GET', `/v1/posts/${NOBODY}`))
    refuses('of no post, deleted', 'not-found', () => ask('DELETE', `/v1/posts/${NOBODY}`))
    refuses('of no post, reposted', 'not-found', () => ask('POST', `/v1/posts/${NOBODY}/repost`))
    refuses('of no user, read', 'not-found', () => ask('GET', `/v1/users/${NOBODY}/posts`))
    refuses('of no user, followed', 'not-found', () => ask('POST', `/v1/users/${NOBODY}/follow`))
    refuses('of oneself, followed', 'bad-request', () => ask('POST', `/v1/users/${world().reader.id}/follow`))
    refuses("of another's post, deleted", 'forbidden', () => ask('DELETE', `/v1/posts/${world().postId}`))
    refuses('of a deleted post, read', 'gone', () => ask('GET', `/v1/posts/${world().deletedId}`))
    refuses('of a deleted post, reposted', 'gone', () => ask('POST', `/v1/posts/${world().deletedId}/repost`))
  })

  describe('a limit', () => {
    for (const limit of NO_LIMITS) {
      refuses(`"${limit}" of a feed`, 'bad-request', () => world().reader.fetch(`/v1/feed/following?limit=${limit}`))
      refuses(`"${limit}" of a list`, 'bad-request', () => world().reader.fetch(`/v1/users/${world().author.id}/posts?limit=${limit}`))
    }
  })

  describe('a path', () => {
    for (const path of NO_PATHS) refuses(`${path} that is not there`, 'not-found', () => world().author.fetch(path))
    refuses('that only the origin has', 'not-found', () =>
      world().author.fetch('/internal/load', { method: 'POST', headers: JSON_TYPE, body: '{"keys":["crowd"]}' }),
    )
    test('asked with a method that it does not offer says which it does: method-not-allowed', async () => {
      const { author, postId, send } = world()
      const offered = {
        '/v1/feed/following': 'GET, HEAD',
        '/v1/posts': 'POST',
        [`/v1/posts/${postId}`]: 'GET, HEAD, DELETE',
        [`/v1/posts/${postId}/repost`]: 'POST, DELETE',
        [`/v1/users/${author.id}`]: 'PUT, DELETE',
        [`/v1/users/${author.id}/posts`]: 'GET, HEAD',
        [`/v1/users/${author.id}/follow`]: 'POST, DELETE',
        '/healthz': 'GET, HEAD',
        '/readyz': 'GET, HEAD',
      }
      for (const [path, allow] of Object.entries(offered)) {
        for (const method of METHODS.filter((name) => !allow.split(', ').includes(name))) {
          const response = await send(method, path, `Bearer ${author.token}`, method === 'GET' ? undefined : '{"text":"a"}')
          expect(response.headers.get('allow'), `${method} ${path}`).toBe(allow)
          await expectProblem(response, 'method-not-allowed')
        }
      }
    })
  })

  describe('an Idempotency-Key', () => {
    const keyed = (key: string, text = USED) => world().post(JSON.stringify({ text }), { ...JSON_TYPE, 'idempotency-key': key })
    for (const key of NO_KEYS) refuses(`"${key.slice(0, 20)}" of ${key.length}`, 'bad-request', () => keyed(key))
    refuses('that was used for another text', 'idempotency-key-reused', () => keyed(USED, 'another'))
    refuses('that was used for another write', 'idempotency-key-reused', () =>
      world().author.fetch(`/v1/posts/${world().postId}/repost`, { method: 'POST', headers: { 'idempotency-key': USED } }),
    )
  })
}
