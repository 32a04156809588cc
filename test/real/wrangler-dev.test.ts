import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageSchema } from '../../contract/post.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { type Stack, startStack } from '../support/stack.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const QUIET = { CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', CI: '1' }

let stack: Stack
let wrangler: ChildProcess
let folder = ''
let url = ''
let log = ''

beforeAll(async () => {
  stack = await startStack({ processes: 0 })
  folder = await mkdtemp(join(tmpdir(), 'tideline-wrangler-'))
  const [port, inspectorPort] = await Promise.all([freePort(), freePort()])
  url = `http://127.0.0.1:${port}`
  const vars = Object.entries(stack.bindings).flatMap(([name, text]) => ['--var', `${name}:${text}`])
  const options = ['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', String(inspectorPort), '--persist-to', folder, ...vars]
  wrangler = spawn(join(ROOT, 'node_modules', '.bin', 'wrangler'), ['dev', ...options], {
    cwd: ROOT,
    env: { ...process.env, ...QUIET, WRANGLER_LOG_PATH: join(folder, 'logs'), WRANGLER_REGISTRY_PATH: join(folder, 'registry') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, so that workerd ends with it
  })
  for (const stream of [wrangler.stdout, wrangler.stderr]) stream?.on('data', (data: Buffer) => (log = `${log}${data}`.slice(-4_000)))
  process.once('exit', killGroup)
  await eventually(async () => {
    if (!runs()) throw new Error(`wrangler dev ended: ${log}`)
    expect((await fetch(`${url}/healthz`)).status, log).toBe(200)
  }, 20_000)
}, 30_000)
afterAll(async () => {
  if (runs()) {
    const ended = once(wrangler, 'exit')
    killGroup()
    await ended
  }
  process.off('exit', killGroup)
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
})

const runs = (): boolean => wrangler?.exitCode === null && wrangler.signalCode === null

function killGroup(): void {
  if (runs() && wrangler.pid !== undefined) process.kill(-wrangler.pid, 'SIGKILL')
}

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
  expect(posted.status, log).toBe(201)

  const headers = await headersOf(reader)
  const read = async () => {
    const response = await fetch(`${url}/v1/feed/following`, { headers })
    expect(response.status, log).toBe(200)
    const page = pageSchema.parse(await response.json())
    expect(page.posts.map((post) => post.text)).toEqual(['hello from wrangler dev'])
    return response.headers.get('cache-status')
  }
  await eventually(read, 5_000)
  await eventually(async () => expect(await read()).toContain('tideline-l1; hit'), 5_000)
})

test('the page of the API is static, and its policy lets it load from its own host alone', async () => {
  const page = await fetch(`${url}/docs`)
  expect([page.status, page.headers.get('content-type')], log).toEqual([200, expect.stringContaining('text/html')])
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  const html = await page.text()
  expect(html).not.toMatch(/<style|<script>| on\w+=|style=|https?:/)
  const parts = [...html.matchAll(/<(?:script|link rel="stylesheet").*?(?:src|href)="(.*?)"/g)].map(([, path = '']) => path)
  expect(parts).toEqual(['/theme.css', '/docs.css', '/app/stored-theme.js', '/docs/main.js'])
  const types = await Promise.all(parts.map(async (path) => (await fetch(url + path)).headers.get('content-type')?.split(';')[0]))
  expect(types).toEqual(['text/css', 'text/css', 'text/javascript', 'text/javascript'])
})
