import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { expectProblem } from '../../support/expect-problem.ts'
import { NOBODY, refuses, type World } from './world.ts'

type Ask = readonly [method: string, path: string, body?: string]

const IN_AN_HOUR = Math.floor(Date.now() / 1_000) + 3_600
const HS256 = { alg: 'HS256', typ: 'JWT' }
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token made by hand, so that it may lie. */
function forge(secret: string, claims: object | null, header: object = HS256, hash = 'sha256'): string {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

/** Bearer tokens that are no good, or good for something else. */
export function tokens(world: () => World): void {
  const claims = () => ({ sub: world().reader.id, exp: IN_AN_HOUR })
  const forged = (...args: [claims: object | null, header?: object, hash?: string]) => forge(world().stack.secrets.JWT_SECRET, ...args)
  const bad: Record<string, () => string> = {
    'that has expired': () => forged({ ...claims(), exp: IN_AN_HOUR - 7_200 }),
    'that expired in 1970': () => forged({ ...claims(), exp: 0 }),
    'without an end': () => forged({ sub: world().reader.id }),
    'with an end that is text': () => forged({ ...claims(), exp: String(IN_AN_HOUR) }),
    'that is not valid yet': () => forged({ ...claims(), nbf: IN_AN_HOUR }),
    'of another secret': () => forge('another-secret-0123456789', claims()),
    'signed with the secret of cursors': () => forge(world().stack.secrets.SIGNING_SECRET, claims()),
    'of alg none': () => `${part({ alg: 'none', typ: 'JWT' })}.${part(claims())}.`,
    'of alg none, signed': () => forged(claims(), { alg: 'none', typ: 'JWT' }),
    'of HS384': () => forged(claims(), { alg: 'HS384', typ: 'JWT' }, 'sha384'),
    'of HS512': () => forged(claims(), { alg: 'HS512', typ: 'JWT' }, 'sha512'),
    'of RS256, signed with the secret': () => forged(claims(), { alg: 'RS256', typ: 'JWT' }),
    'without alg': () => forged(claims(), { typ: 'JWT' }),
    'with critical extensions': () => forged(claims(), { ...HS256, crit: ['exp'] }),
    'with claims that were exchanged': () => forged(claims()).replace(/\.[^.]+\./, `.${part({ ...claims(), sub: world().author.id })}.`),
    'with null for claims': () => forged(null),
    'without sub': () => forged({ exp: IN_AN_HOUR }),
    'with a number as sub': () => forged({ ...claims(), sub: 1_100_000_000 }),
    'with a name as sub': () => forged({ ...claims(), sub: 'alice' }),
    'with too large an id as sub': () => forged({ ...claims(), sub: '9'.repeat(19) }),
    'of garbage': () => 'x.y.z',
    'of one part': () => 'token',
    'of nothing': () => '',
    'of four parts': () => `${forged(claims())}.x`,
  }
  for (const [what, make] of Object.entries(bad)) {
    refuses(what, 'unauthorized', () => world().send('GET', '/v1/feed/following', `Bearer ${make()}`))
    refuses(`${what}, where none is needed`, 'unauthorized', () => world().send('GET', `/v1/posts/${world().postId}`, `Bearer ${make()}`))
    refuses(`${what}, on a write`, 'unauthorized', () => world().send('POST', '/v1/posts', `Bearer ${make()}`, '{"text":"a"}'))
  }
  refuses('in another scheme', 'unauthorized', () => world().send('GET', '/v1/feed/following', 'Basic dXNlcjpwYXNz'))
  test('one that does not lie is good, even if its issuer has a clock that is ahead', async () => {
    const token = forged({ ...claims(), iat: IN_AN_HOUR })
    expect((await world().send('GET', '/v1/feed/following', `Bearer ${token}`)).status).toBe(200)
  })

  const needUser = (): Ask[] => [
    ['GET', '/v1/feed/following'],
    ['POST', '/v1/posts', '{"text":"a"}'],
    ['POST', `/v1/posts/${world().postId}/repost`],
    ['DELETE', `/v1/posts/${world().postId}/repost`],
    ['POST', `/v1/users/${world().author.id}/follow`],
    ['DELETE', `/v1/users/${world().author.id}/follow`],
  ]
  const deletePost = (): Ask => ['DELETE', `/v1/posts/${world().postId}`]
  test('none at all, where one is needed: unauthorized', async () => {
    const putUser: Ask = ['PUT', `/v1/users/${NOBODY}`, '{"handle":"a","name":"A"}']
    for (const [method, path, body] of [...needUser(), deletePost(), putUser]) {
      await expectProblem(await world().send(method, path, undefined, body), 'unauthorized')
    }
  })
  test('of a user who does not exist: unauthorized, and it says why', async () => {
    for (const [method, path, body] of needUser()) {
      const { detail } = await expectProblem(await world().send(method, path, `Bearer ${world().nobody.token}`, body), 'unauthorized')
      expect(detail).toBe(`There is no user ${NOBODY}.`)
    }
  })
  test("of a service, where a user's is needed: forbidden", async () => {
    for (const [method, path, body] of [...needUser(), deletePost()]) {
      await expectProblem(await world().send(method, path, `Bearer ${world().service}`, body), 'forbidden')
    }
  })
  refuses("of a user, where a service's is needed", 'forbidden', () =>
    world().send('PUT', `/v1/users/${world().author.id}`, `Bearer ${world().author.token}`, '{"handle":"a","name":"A"}'),
  )
}
