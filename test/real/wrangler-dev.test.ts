import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageSchema } from '../../contract/post.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startWranglerDev, type WranglerDev } from '../support/wrangler-dev.ts'

let stack: Stack
let wrangler: WranglerDev
let url = ''

beforeAll(async () => {
  stack = await startStack({ processes: 0 })
  wrangler = await startWranglerDev({ bindings: stack.bindings })
  url = wrangler.url
})
afterAll(async () => {
  await wrangler?.stop()
  await stack?.stop()
})

test('under wrangler dev a post goes from its author to a follower, and the second read comes from memory', async () => {
  const [reader = '', author = ''] = await makeUsers(stack.db, 2)
  await makeFollows(stack.db, [[reader, author]])
  const headersOf = async (id: string) => ({
    authorization: `Bearer ${await stack.tokenFor({ sub: id })}`,
    'content-type': 'application/json',
    'idempotency-key': 'first',
  })
  const posted = await fetch(`${url}/v1/posts`, {
    method: 'POST',
    headers: await headersOf(author),
    body: JSON.stringify({ text: 'hello from wrangler dev' }),
  })
  expect(posted.status, wrangler.log()).toBe(201)

  const headers = await headersOf(reader)
  const read = async () => {
    const response = await fetch(`${url}/v1/feed/following`, { headers })
    expect(response.status, wrangler.log()).toBe(200)
    const page = pageSchema.parse(await response.json())
    expect(page.posts.map((post) => post.text)).toEqual(['hello from wrangler dev'])
    return response.headers.get('cache-status')
  }
  await eventually(read)
  await eventually(async () => expect(await read()).toContain('tideline-l1; hit'))
})

test('the page of the API is static, and its policy lets it load from its own host alone', async () => {
  const page = await fetch(`${url}/docs`)
  expect([page.status, page.headers.get('content-type')], wrangler.log()).toEqual([200, expect.stringContaining('text/html')])
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  const html = await page.text()
  expect(html).not.toMatch(/<style|<script>| on\w+=|style=|https?:/)
  const parts = [...html.matchAll(/<(?:script|link rel="stylesheet").*?(?:src|href)="(.*?)"/g)].map(([, path = '']) => path)
  expect(parts).toEqual(['/theme.css', '/docs.css', '/app/stored-theme.js', '/docs/main.js'])
  const types = await Promise.all(parts.map(async (path) => (await fetch(url + path)).headers.get('content-type')?.split(';')[0]))
  expect(types).toEqual(['text/css', 'text/css', 'text/javascript', 'text/javascript'])
})
