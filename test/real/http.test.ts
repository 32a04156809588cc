import { expect, test } from 'vitest'
import { makeUsers, makeFollows } from '../support/people.ts'
import { startStack } from '../support/stack.ts'

test('explore', async () => {
  const stack = await startStack({ isolates: 2, worker: { CORS_ORIGINS: 'https://app.example' } })
  const [a = '', b = ''] = await makeUsers(stack.db, 2)
  const alice = await stack.client(a)
  const bob = await stack.client(b)
  await makeFollows(stack.db, [[b, a]])
  const show = async (label: string, r: Response) =>
    console.log(label, r.status, JSON.stringify(Object.fromEntries(r.headers)), (await r.text()).slice(0, 300))
  const json = { 'content-type': 'application/json' }
  const w = await alice.fetch('/v1/posts', { method: 'POST', headers: { ...json, origin: 'https://app.example' }, body: '{"text":"hi"}' })
  const id = (await w.clone().json()).id
  await show('post', w)
  await show('read', await bob.fetch(`/v1/posts/${id}`, { headers: { origin: 'https://app.example' } }))
  await show('read again', await bob.fetch(`/v1/posts/${id}`, { headers: { origin: 'https://evil.example' } }))
  await show('read iso 1', await bob.fetch(`/v1/posts/${id}`, { isolate: 1 }))
  await show('feed', await bob.fetch(`/v1/feed/following`, { isolate: 1 }))
  await show('bad', await bob.fetch(`/v1/feed/following?limit=0`, { isolate: 1, headers: { origin: 'https://app.example' } }))
  await show('options', await fetch(stack.urls[0] + '/v1/posts', { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' } }))
  await show('405', await bob.fetch(`/v1/posts`, { method: 'PUT' }))
  await show('405', await bob.fetch(`/v1/posts`, { method: 'HEAD' }))
  await show('head', await bob.fetch(`/v1/posts/${id}`, { method: 'HEAD' }))
  await show('404', await bob.fetch(`/nope`))
  await show('badid', await bob.fetch(`/v1/posts/%ff`))
  await show('huge', await bob.fetch(`/v1/posts`, { method: 'POST', headers: json, body: 'x'.repeat(40_000) }))
  await show('internal huge', await fetch(stack.originUrl() + '/internal/load', { method: 'POST', headers: json, body: 'x'.repeat(4_000_000) }))
  await show('internal', await fetch(stack.originUrl() + '/internal/load', { method: 'POST', headers: json, body: '{}' }))
  await stack.stop()
  expect(1).toBe(1)
})
