import { connect } from 'node:net'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { startOriginProcess } from '../support/origin-process.ts'
import { type Stack, startStack } from '../support/stack.ts'

/** A worker repeats its verdict for so long (worker/http/readiness.ts). */
const FRESH_MS = 1_000

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack?.stop())

interface Health {
  readonly status: string
  readonly checks?: Readonly<Record<string, { readonly ok: boolean; readonly ms: number }>>
}

async function healthOf(url: string | undefined, path = '/readyz'): Promise<{ code: number; body: Health }> {
  const response = await fetch(`${url}${path}`)
  expect(response.headers.get('cache-control')).toBe('no-store')
  const text = await response.text()
  for (const secret of [...Object.values(stack.secrets), stack.l2Token, stack.databaseUrl]) expect(text).not.toContain(secret)
  return { code: response.status, body: JSON.parse(text) }
}
const worker = () => healthOf(stack.urls[0])
const origin = () => healthOf(stack.originUrl())
const ok = { ok: true, ms: expect.any(Number) }
const bad = { ok: false, ms: expect.any(Number) }

test('both sides live and are ready, and say what they looked at', async () => {
  for (const url of [stack.urls[0], stack.originUrl()])
    expect(await healthOf(url, '/healthz')).toEqual({ code: 200, body: { status: 'ok' } })
  // Each looks for no longer than a second or two: a slow machine may need another look.
  await eventually(async () => expect(await worker()).toEqual({ code: 200, body: { status: 'ready', checks: { l2: ok, origin: ok } } }))
  await eventually(async () =>
    expect(await origin()).toEqual({ code: 200, body: { status: 'ready', checks: { database: ok, mint: ok, redis: ok } } }),
  )
})

test('however many ask the worker, Redis and the origin are asked once', async () => {
  stack.facade.stats.reset()
  const startedAtMs = performance.now()
  await Promise.all(Array.from({ length: 50 }, worker))
  expect(stack.facade.stats.byCommand.PING ?? 0).toBeLessThanOrEqual(1 + Math.floor((performance.now() - startedAtMs) / FRESH_MS))
})

test('when the client of whoever asks leaves, the others are answered', async () => {
  stack.facade.setFault(({ commands }) => (commands[0]?.[0] === 'ping' ? { delayMs: 200 } : undefined))
  // Again where the machine stood still for as long as a look may take.
  await eventually(async () => {
    stack.facade.stats.reset()
    const leaver = new AbortController()
    await eventually(() => {
      fetch(`${stack.urls[0]}/readyz`, { signal: leaver.signal }).catch(() => {})
      expect(stack.facade.stats.byCommand.PING ?? 0).toBeGreaterThan(0)
    })
    const others = Promise.all(Array.from({ length: 5 }, worker))
    leaver.abort()
    for (const { code } of await others) expect(code).toBe(200)
  })
  stack.facade.setFault(undefined)
})

test('with tables older than the code the origin is not ready', async () => {
  const rows = await stack.db.execute<{ hash: string; created_at: bigint }>(sql`
    delete from drizzle.__drizzle_migrations returning hash, created_at`)
  await eventually(async () =>
    expect(await origin()).toMatchObject({ code: 503, body: { status: 'not ready', checks: { database: bad, mint: ok } } }),
  )
  for (const { hash, created_at } of rows) {
    await stack.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${created_at})`)
  }
})

test('without Redis and the origin the worker is not ready, and still lives', async () => {
  stack.facade.setFault(() => ({ reset: true }))
  await stack.stopOrigin()
  await eventually(async () =>
    expect(await worker()).toEqual({ code: 503, body: { status: 'not ready', checks: { l2: bad, origin: bad } } }),
  )
  expect((await healthOf(stack.urls[0], '/healthz')).code).toBe(200)
  stack.facade.setFault(undefined)
})

test('told to stop, an origin says that it is not ready, and serves what comes', async () => {
  const port = await freePort()
  const process = await startOriginProcess({ ...stack.environment, SHUTDOWN_DELAY_MS: '60000' }, port) // longer than we need to look
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => expect((await healthOf(url)).code).toBe(200))
  process.process.kill('SIGTERM')
  await eventually(async () => expect(await healthOf(url)).toEqual({ code: 503, body: { status: 'not ready', checks: { running: bad } } }))
  expect((await healthOf(url, '/healthz')).code).toBe(200)
  await process.kill()
})

test('when the delay is over it answers what is under way, takes nothing new, gives its machine id back and ends with 0', async () => {
  const port = await freePort()
  const owners = async () =>
    (await stack.db.execute<{ owner: string }>(sql`select owner from machines where owner is not null`)).map(({ owner }) => owner)
  const before = await owners()
  const process = await startOriginProcess({ ...stack.environment, SHUTDOWN_DELAY_MS: '0' }, port)
  const [own, ...more] = (await owners()).filter((owner) => !before.includes(owner))
  expect([own, more]).toEqual([expect.any(String), []])
  // The end of the first answer tells that the beginning of the second request, which came together with the first, has been read.
  const slow = connect(port, '127.0.0.1')
  let answer = ''
  slow.on('data', (data: Buffer) => (answer += data))
  slow.write('GET /healthz HTTP/1.1\r\nhost: origin\r\n\r\nGET /healthz HTTP/1.1\r\nhost: origin\r\n')
  await eventually(() => expect(answer).toMatch(/^HTTP\/1\.1 200 .*"ok"/s))
  answer = ''
  const ended = new Promise((resolve) => process.process.once('exit', resolve))
  process.process.kill('SIGTERM')
  await eventually(() => expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow())
  slow.write('\r\n')
  expect(await ended, process.log()).toBe(0)
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/s)
  expect(await owners()).not.toContain(own)
})
