import { createHash } from 'node:crypto'
import { Redis, type RedisConfigNodejs } from '@upstash/redis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CLIENT_OPTIONS } from '../../contract/l2/client.ts'
import { createUpstashFacade, type UpstashFacade } from '../../dev/upstash-facade.ts'
import { freePort } from '../support/free-port.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const TOKEN = 'full'
const READ_ONLY_TOKEN = 'reads'
const MAX_REQUEST_BYTES = 100_000
const DEADLINE_MS = 20_000
const ALL_DAY_MS = 86_400_000

let redis: TestRedis
let facade: UpstashFacade
let url: string

beforeAll(async () => {
  redis = await startRedis()
  facade = createUpstashFacade({
    redisUrl: redis.url,
    token: TOKEN,
    readOnlyToken: READ_ONLY_TOKEN,
    maxRequestBytes: MAX_REQUEST_BYTES,
  })
  url = (await facade.listen()).url
})
beforeEach(async () => {
  facade.setFault(undefined)
  facade.setReplicaLagMs(0)
  await redis.flush()
})
afterAll(async () => {
  await facade?.close()
  await redis?.stop()
})

const defaultClient = (overrides: Partial<RedisConfigNodejs> = {}) => new Redis({ url, token: TOKEN, ...overrides })
const tunedClient = (overrides: Partial<RedisConfigNodejs> = {}) =>
  defaultClient({
    ...CLIENT_OPTIONS,
    signal: () => AbortSignal.timeout(DEADLINE_MS),
    ...overrides,
  })

type Answer = { readonly status: number; readonly body: unknown; readonly syncToken: string | null }
async function send(path: string, init: RequestInit = {}, token = TOKEN): Promise<Answer> {
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...init.headers }
  const response = await fetch(url + path, { method: 'POST', ...init, headers })
  const text = await response.text()
  return { status: response.status, body: text && JSON.parse(text), syncToken: response.headers.get('upstash-sync-token') }
}
const post = (path: string, body: unknown, headers: Record<string, string> = {}, token = TOKEN) =>
  send(path, { body: JSON.stringify(body), headers }, token)
const result = (value: unknown) => expect.objectContaining({ status: 200, body: { result: value } })
const refused = (status: number, error: unknown) => expect.objectContaining({ status, body: { error } })
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')

const AWKWARD = ['1780234567890123456', '007', '1e3', 'true', 'null', '', 'OK', 'aGVsbG8=', '{"a":1}', 'é ✓ 🌊', ' \r\n\t"\\ ']

describe('values', () => {
  test('a tuned client reads back exactly the text it wrote', async () => {
    const client = tunedClient()
    for (const [index, text] of AWKWARD.entries()) expect(await client.set(`k${index}`, text)).toBe('OK')
    expect(await Promise.all(AWKWARD.map((_, index) => client.get(`k${index}`)))).toEqual(AWKWARD)
    expect(await client.mget(...AWKWARD.map((_, index) => `k${index}`), 'absent')).toEqual([...AWKWARD, null])
  })

  test('a client without deserialisation reads base64 back exactly, alone and in an array', async () => {
    const client = defaultClient({ automaticDeserialization: false })
    for (const [index, text] of AWKWARD.entries()) expect(await client.set(`k${index}`, text)).toBe('OK')
    expect(await Promise.all(AWKWARD.map((_, index) => client.get(`k${index}`)))).toEqual(AWKWARD)
    expect(await client.mget(...AWKWARD.map((_, index) => `k${index}`), 'absent')).toEqual([...AWKWARD, null])
  })

  test('a default client gets objects, numbers and null', async () => {
    const client = defaultClient()
    await client.set('object', { a: 1, text: 'é🌊' })
    await client.set('number', 42, { ex: 10_000 })
    await client.hset('hash', { name: 'Ada', age: 36 })
    expect(await client.mget('object', 'number', 'absent')).toEqual([{ a: 1, text: 'é🌊' }, 42, null])
    expect(await client.hgetall('hash')).toEqual({ name: 'Ada', age: 36 })
    expect(await client.ttl('number')).toBeGreaterThan(9_000)
    expect(await client.ping()).toBe('PONG')
  })

  test('base64 covers every string, nested ones and statuses too, except the status OK', async () => {
    const base64 = { 'Upstash-Encoding': 'base64' }
    const encoded = (text: string) => Buffer.from(text).toString('base64')
    await post('/', ['SET', 'k', 'OK'])
    expect(await post('/', ['SET', 'k2', '🌊'], base64)).toEqual(result('OK'))
    expect(await post('/', ['GET', 'k'], base64)).toEqual(result(encoded('OK')))
    expect(await post('/', ['GET', 'k2'], base64)).toEqual(result(encoded('🌊')))
    expect(await post('/', ['PING'], base64)).toEqual(result(encoded('PONG')))
    const nested = ['EVAL', 'return {"a", {"b", 1, {false}}, redis.status_reply("fine")}', 0]
    expect(await post('/', nested, base64)).toEqual(result([encoded('a'), [encoded('b'), 1, [null]], encoded('fine')]))
    expect(await post('/', nested)).toEqual(result(['a', ['b', 1, [null]], 'fine']))
  })

  test('arguments are text: numbers and booleans as written, objects as JSON', async () => {
    await post('/', ['RPUSH', 'list', 1, 1.5, true, { a: [1, 'é'] }, ['x'], null])
    expect(await post('/', ['LRANGE', 'list', 0, -1])).toEqual(result(['1', '1.5', 'true', '{"a":[1,"é"]}', '["x"]', 'null']))
  })

  test('bytes survive a body and base64; as plain text the invalid ones are replaced', async () => {
    const bytes = Buffer.from([0, 255, 254, 10, 13])
    expect(await send('/set/bytes', { body: bytes })).toEqual(result('OK'))
    expect(await post('/', ['GET', 'bytes'], { 'Upstash-Encoding': 'base64' })).toEqual(result(bytes.toString('base64')))
    expect(await post('/', ['GET', 'bytes'])).toEqual(result(bytes.toString('utf8')))
  })
})

describe('requests', () => {
  test('the path form decodes its segments, appends the body, then the query', async () => {
    expect(await send(`/set/${encodeURIComponent('a/b é')}/v`, { method: 'GET' })).toEqual(result('OK'))
    expect(await send(`/get/${encodeURIComponent('a/b é')}`, { method: 'GET' })).toEqual(result('v'))
    expect(await send('/set/k?EX=10000&NX', { body: 'from the body', method: 'PUT' })).toEqual(result('OK'))
    expect(await send('/set/k?NX', { body: 'too late' })).toEqual(result(null))
    expect(await send('/get/k')).toEqual(result('from the body'))
    const { body } = await send('/ttl/k')
    expect((body as { result: number }).result).toBeGreaterThan(9_000)
    expect(await send('/get/%E0%A4%A')).toEqual(refused(400, expect.stringMatching(/^ERR /)))
    expect(await send('/get/k', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })

  test('a pipeline answers 200 with a result or an error for each command', async () => {
    const rows = [['SET', 'k', 'v'], ['LPUSH', 'k', 'x'], ['NOPE'], ['SUBSCRIBE', 'c'], ['GET', 'k']]
    expect(await post('/pipeline', rows)).toMatchObject({
      status: 200,
      body: [
        { result: 'OK' },
        { error: expect.stringMatching(/^WRONGTYPE/) },
        { error: expect.stringMatching(/^ERR unknown command/) },
        { error: expect.stringMatching(/^ERR Command is not available: 'SUBSCRIBE'/) },
        { result: 'v' },
      ],
    })
    const pipeline = defaultClient().pipeline().set('k', 'v').lpush('k', 'x').get('k')
    const outcomes = await pipeline.exec({ keepErrors: true })
    expect(outcomes).toMatchObject([{ result: 'OK' }, { error: expect.stringMatching(/^WRONGTYPE/) }, { result: 'v' }])
  })

  test('a transaction answers each command, and runs none if one cannot be queued', async () => {
    for (const client of [defaultClient(), tunedClient()]) {
      expect(await client.multi().set('k', 'v').strlen('k').get('k').exec()).toEqual(['OK', 1, 'v'])
    }
    const failing = await post('/multi-exec', [
      ['SET', 'k', 'w'],
      ['LPUSH', 'k', 'x'],
      ['GET', 'k'],
    ])
    expect(failing).toMatchObject({
      status: 200,
      body: [{ result: 'OK' }, { error: expect.stringMatching(/^WRONGTYPE/) }, { result: 'w' }],
    })
    for (const bad of [['NOPE'], ['GET'], ['DISCARD']]) {
      expect(await post('/multi-exec', [['SET', 'k', 'never'], bad])).toEqual(refused(400, expect.stringMatching(/^ERR/)))
    }
    expect(await post('/', ['GET', 'k'])).toEqual(result('w'))
  })

  test('transactions do not mix with what others send', async () => {
    const steps = Array.from({ length: 20 }, () => ['INCR', 'count'])
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? post('/', ['INCR', 'count']) : post('/multi-exec', steps))))
    for (const { body } of all) {
      const counts = Array.isArray(body) ? body.map((item) => item.result) : []
      expect(counts).toEqual(counts.map((_, i) => counts[0] + i))
    }
    expect(await post('/', ['GET', 'count'])).toEqual(result('210'))
  })

  test('command, syntax and type errors are 400 with the error of Redis', async () => {
    await post('/', ['SET', 'k', 'v'])
    expect(await post('/', ['NOPE'])).toEqual(refused(400, expect.stringMatching(/^ERR unknown command/)))
    expect(await post('/', ['GET'])).toEqual(refused(400, "ERR wrong number of arguments for 'get' command"))
    expect(await post('/', ['LPUSH', 'k', 'x'])).toEqual(refused(400, expect.stringMatching(/^WRONGTYPE/)))
    expect(await post('/', ['SET', 'k', 'v', 'OOPS'])).toEqual(refused(400, 'ERR syntax error'))
    expect(await post('/', ['EVALSHA', 'f'.repeat(40), 0])).toEqual(refused(400, expect.stringMatching(/^NOSCRIPT No matching script/)))
    expect(await post('/', ['MULTI'])).toEqual(refused(400, expect.stringMatching(/^ERR Command is not available/)))
    await expect(tunedClient().lpush('k', 'x')).rejects.toThrow('WRONGTYPE')
    await expect(defaultClient().lpush('k', 'x')).rejects.toThrow('Command failed: WRONGTYPE')
  })

  test('malformed and oversized requests are 400, other methods 405', async () => {
    for (const path of ['/', '/pipeline', '/multi-exec']) {
      for (const body of ['{oops', '{"a":1}', '[]', '[[]]']) {
        const expected = path === '/' && body === '[[]]' ? /^ERR unknown command/ : /^ERR (failed to parse|empty)/
        expect(await send(path, { body })).toEqual(refused(400, expect.stringMatching(expected)))
      }
    }
    const large = await post('/', ['SET', 'k', 'x'.repeat(MAX_REQUEST_BYTES)])
    expect(large).toEqual(
      refused(400, expect.stringMatching(/^ERR max request size exceeded\. Limit: 100000 bytes, Actual: 1000\d\d bytes/)),
    )
    for (const method of ['DELETE', 'PATCH', 'OPTIONS']) expect((await send('/get/k', { method })).status).toBe(405)
  })
})

describe('access', () => {
  test('every route wants the token, from the header or the query', async () => {
    for (const path of ['/', '/get/k', '/pipeline', '/multi-exec', '/nope/nope']) {
      expect(await post(path, [['PING']], {}, '')).toEqual(refused(401, 'Unauthorized'))
      expect(await post(path, [['PING']], {}, 'wrong')).toEqual(refused(401, 'WRONGPASS invalid or missing auth token'))
    }
    expect(await send(`/set/k/v?EX=100&_token=${TOKEN}`, {}, '')).toEqual(result('OK'))
    expect(await send(`/get/k?_token=${TOKEN}`, {}, '')).toEqual(result('v'))
    expect(await send('/get/k?_token=wrong', {}, '')).toEqual(refused(401, 'WRONGPASS invalid or missing auth token'))
    await expect(defaultClient({ token: 'wrong', retry: false }).get('k')).rejects.toThrow('WRONGPASS')
  })

  test('the read-only token reads and nothing else', async () => {
    await post('/', ['SET', 'k', 'v'])
    const noPermission = (name: string) => `NOPERM this user has no permissions to run the '${name}' command or its subcommand`
    expect(await post('/', ['GET', 'k'], {}, READ_ONLY_TOKEN)).toEqual(result('v'))
    expect(await post('/', ['SET', 'k', 'w'], {}, READ_ONLY_TOKEN)).toEqual(refused(400, noPermission('set')))
    expect(await post('/', ['EVAL', 'return 1', 0], {}, READ_ONLY_TOKEN)).toEqual(refused(400, noPermission('eval')))
    const mixed = [
      ['DEL', 'k'],
      ['GET', 'k'],
    ]
    expect((await post('/pipeline', mixed, {}, READ_ONLY_TOKEN)).body).toEqual([{ error: noPermission('del') }, { result: 'v' }])
    expect(await post('/multi-exec', mixed, {}, READ_ONLY_TOKEN)).toEqual(refused(400, noPermission('del')))
    expect(await post('/', ['GET', 'k'])).toEqual(result('v'))
  })
})

describe('scripts', () => {
  const flagged = '#!lua flags=allow-key-locking\nreturn redis.call("INCR", KEYS[1])'
  const flush = () => post('/', ['SCRIPT', 'FLUSH'])
  const noScript = refused(400, expect.stringMatching(/^NOSCRIPT/))

  test('a client falls back from EVALSHA to EVAL, then finds the script', async () => {
    for (const client of [defaultClient(), tunedClient()]) {
      for (const text of [flagged, 'return redis.call("INCR", KEYS[1])']) {
        await flush()
        await redis.flush()
        facade.stats.reset()
        const script = client.createScript<number>(text)
        expect([await script.exec(['count'], []), await script.exec(['count'], [])]).toEqual([1, 2])
        expect(facade.stats.byCommand).toEqual({ EVALSHA: 2, EVAL: 1 })
      }
    }
  })

  test('a flagged script is known by the SHA of its flagged text', async () => {
    await flush()
    expect(await post('/', ['SCRIPT', 'LOAD', flagged])).toEqual(result(sha1(flagged)))
    expect(await post('/', ['SCRIPT', 'EXISTS', sha1(flagged), 'f'.repeat(40)])).toEqual(result([1, 0]))
    expect(await post('/', ['EVALSHA', sha1(flagged).toUpperCase(), 1, 'count'])).toEqual(result(1))
    expect((await post('/multi-exec', [['EVALSHA', sha1(flagged), 1, 'count']])).body).toEqual([{ result: 2 }])
    expect(await tunedClient().scriptLoad(flagged)).toBe(sha1(flagged))
    await flush()
    expect(await post('/', ['EVALSHA', sha1(flagged), 1, 'count'])).toEqual(noScript)
    expect(await post('/', ['SCRIPT', 'EXISTS', sha1(flagged)])).toEqual(result([0]))
  })

  test('other scripts and flags pass unchanged', async () => {
    const plain = '#!lua flags=no-writes\nreturn redis.call("GET", "undeclared")'
    expect(await post('/', ['SCRIPT', 'LOAD', plain])).toEqual(result(sha1(plain)))
    expect(await post('/', ['EVAL', plain, 0])).toEqual(result(null))
    const both = '#!lua flags=no-writes,allow-key-locking\nreturn redis.call("SET", KEYS[1], "v")'
    expect(await post('/', ['EVAL', both, 1, 'k'])).toEqual(refused(400, expect.stringContaining('read-only')))
  })

  test('a flagged script may not touch a key it did not declare', async () => {
    const touching = (body: string) => post('/', ['EVAL', `#!lua flags=allow-key-locking\nlocal b = ARGV[1] ${body}`, 2, 'a', '7', 'b'])
    const single = 'GET SET SETRANGE GETRANGE APPEND INCR PEXPIRE EXPIRE PTTL TTL STRLEN HSET HGET'
    const refusedCalls = [...single.split(' ').map((name) => `"${name}", b, 1, 1`), '"set", b, 1']
    for (const name of ['DEL', 'UNLINK', 'EXISTS', 'MGET']) refusedCalls.push(`"${name}", b`, `"${name}", KEYS[1], b`)
    await post('/', ['SET', 'b', 'kept'])
    for (const call of refusedCalls) {
      const nonLocal = expect.stringMatching(/^ERR Dynamic keys are not allowed.* Key was: b script:/)
      expect([call, await touching(`return redis.call(${call})`)]).toEqual([call, refused(400, nonLocal)])
    }
    expect(await touching('return redis.pcall("DEL", b).err')).toEqual(
      result(expect.stringMatching(/^ERR Dynamic keys are not allowed.* Key was: b$/)),
    )
    expect(await post('/', ['GET', 'b'])).toEqual(result('kept'))
    expect(await touching('redis.call("SET", "a", 1) return {redis.call("DEL", KEYS[1], 7), redis.sha1hex("")}')).toEqual(
      result([1, sha1('')]),
    )
    expect(await touching('return #redis.call("TIME")'), 'a command of no key and no argument').toEqual(result(2))
    expect(await touching('return redis.call("LPUSH", b, 1)')).toEqual(refused(400, expect.stringMatching(/^WRONGTYPE/)))
  })

  test("a flagged script's own errors keep their line numbers", async () => {
    const failing = ['#!lua flags=allow-key-locking', 'local a = 1', '', 'error("boom")'].join('\n')
    expect(await post('/', ['EVAL', failing, 0])).toEqual(refused(400, expect.stringContaining('user_script:4: boom')))
    const unreadable = ['#!lua flags=allow-key-locking', '', 'local = 1'].join('\n')
    expect(await post('/', ['EVAL', unreadable, 0])).toEqual(refused(400, expect.stringContaining('user_script:3:')))
  })
})

describe('a lagging replica', () => {
  const lagAllDay = () => facade.setReplicaLagMs(ALL_DAY_MS)
  const script = ['EVAL', 'return redis.call("GET", KEYS[1])', 1, 'k']

  test('answers GET and MGET with the old value, then with the new one', async () => {
    await post('/', ['MSET', 'k', 'old', 'other', 'same'])
    lagAllDay()
    const writtenAtMs = performance.now()
    await post('/', ['SET', 'k', 'new'])
    const read = async () => (await post('/', ['MGET', 'k', 'other', 'absent'])).body
    expect(await read()).toEqual({ result: ['old', 'same', null] })
    expect(await post('/', ['GET', 'k'])).toEqual(result('old'))
    expect(await post('/', script)).toEqual(result('new'))
    facade.setReplicaLagMs(150)
    await expect.poll(read, { timeout: DEADLINE_MS, interval: 5 }).toEqual({ result: ['new', 'same', null] })
    expect(performance.now() - writtenAtMs).toBeGreaterThan(150)
  })

  test('sees writes of every kind late, each step of them in turn', async () => {
    await post('/', ['MSET', 'k', 'v0', 'x', 'x0', 'y', 'y0'])
    lagAllDay()
    await post('/', ['EVAL', 'redis.call("SET", KEYS[1], "v1") redis.call("SET", KEYS[2], "new")', 2, 'k', 'fresh'])
    await post('/pipeline', [
      ['SET', 'k', 'v2'],
      ['DEL', 'x', 'y'],
    ])
    await post('/multi-exec', [
      ['APPEND', 'k', '+'],
      ['GET', 'k'],
    ])
    const old = { status: 200, body: [{ result: 'v0' }, { result: ['v0', 'x0', 'y0', null] }] }
    expect(
      await post('/pipeline', [
        ['GET', 'k'],
        ['MGET', 'k', 'x', 'y', 'fresh'],
      ]),
    ).toMatchObject(old)
    expect((await post('/multi-exec', [['GET', 'k']])).body).toEqual([{ result: 'v2+' }])
    expect(await post('/', script)).toEqual(result('v2+'))
    facade.setReplicaLagMs(1)
    await expect.poll(async () => (await post('/', ['GET', 'k'])).body, { timeout: DEADLINE_MS }).toEqual({ result: 'v2+' })
  })

  test('shows a client its own writes if it sends the sync token back', async () => {
    const [reader, writer] = [defaultClient(), defaultClient()]
    const forgetful = tunedClient()
    await writer.set('k', 'old')
    lagAllDay()
    await writer.set('k', 'new')
    await forgetful.set('mine', 'new')
    expect([await writer.get('k'), await reader.get('k'), await reader.get('k')]).toEqual(['new', 'old', 'old'])
    expect(await forgetful.get('mine')).toBeNull()
    expect((await post('/', ['GET', 'k'])).syncToken).toBe('local=0')
  })
})

describe('trouble', () => {
  test('faults: delay, error, garbage, reset and silence', async () => {
    const client = tunedClient()
    await client.set('k', 'v')
    const seen: (readonly string[][])[] = []
    facade.setFault(({ commands }) => {
      seen.push(commands)
      return { delayMs: 30 }
    })
    const startedAtMs = performance.now()
    expect(
      await post('/pipeline', [
        ['GET', 'k'],
        ['PTTL', 'k'],
      ]),
    ).toMatchObject({ status: 200, body: [{ result: 'v' }, { result: -1 }] })
    expect(performance.now() - startedAtMs).toBeGreaterThan(25)
    expect(seen).toEqual([
      [
        ['GET', 'k'],
        ['PTTL', 'k'],
      ],
    ])

    facade.setFault(({ commands }) => (commands[0]?.[0] === 'SET' ? { status: 503, error: 'ERR busy' } : undefined))
    expect(await post('/', ['SET', 'k', 'w'])).toEqual(refused(503, 'ERR busy'))
    expect(await client.get('k')).toBe('v')
    facade.setFault(() => ({ garbage: true }))
    await expect(client.get('k')).rejects.toThrow(/parse/i)
    facade.setFault(() => ({ garbage: true, status: 502 }))
    await expect(client.get('k')).rejects.toThrow(/parse/i)
    facade.setFault(() => ({ reset: true }))
    facade.stats.reset()
    await expect(client.get('k')).rejects.toThrow('fetch failed')
    expect(facade.stats.requests, 'a client of ours tries nothing twice').toBe(1)
    facade.setFault(() => ({ hang: true }))
    await expect(tunedClient({ signal: () => AbortSignal.timeout(30) }).get('k')).rejects.toThrow(/timeout/i)
  })

  test('faults: an answer that is not true, and one that is cut short, of commands that did run', async () => {
    const client = tunedClient()
    facade.setFault(() => ({ rewrite: (body) => body.replace('OK', 'KO') }))
    expect(await client.set('k', 'v')).toBe('KO')
    facade.setFault(() => ({ rewrite: () => undefined }))
    await expect(client.append('k', 'w')).rejects.toThrow('terminated')
    facade.setFault(undefined)
    expect(await client.get('k')).toBe('vw')
  })

  test('statistics count requests, and commands by name', async () => {
    facade.stats.reset()
    await post('/pipeline', [
      ['set', 'k', 'v'],
      ['GET', 'k'],
    ])
    await send('/get/k')
    await post('/', ['GET', 'k'], {}, 'wrong')
    expect(facade.stats).toMatchObject({ requests: 3, commands: 3, byCommand: { SET: 1, GET: 2 } })
    facade.stats.reset()
    expect(facade.stats).toMatchObject({ requests: 0, commands: 0, byCommand: {} })
  })

  test('a killed Redis is a 500, and its restart needs nothing but time', async () => {
    const client = tunedClient()
    const flagged = '#!lua flags=allow-key-locking\nreturn redis.call("GET", KEYS[1])'
    await client.set('k', 'saved')
    await client.eval(flagged, ['k'], [])
    await redis.save()
    await redis.kill()
    await expect.poll(() => post('/', ['GET', 'k']), { timeout: DEADLINE_MS }).toEqual(refused(500, 'ERR Redis is unreachable'))
    for (const path of ['/pipeline', '/multi-exec'])
      expect(await post(path, [['GET', 'k']])).toEqual(refused(500, 'ERR Redis is unreachable'))
    await expect(client.get('k')).rejects.toThrow('ERR Redis is unreachable')
    await redis.restart()
    await expect.poll(async () => (await post('/', ['GET', 'k'])).body, { timeout: DEADLINE_MS }).toEqual({ result: 'saved' })
    expect(await post('/', ['EVALSHA', sha1(flagged), 1, 'k'])).toEqual(refused(400, expect.stringMatching(/^NOSCRIPT/)))
    expect(await client.eval(flagged, ['k'], [])).toBe('saved')
  })

  test('a façade starts and ends without Redis', async () => {
    const alone = createUpstashFacade({ redisUrl: `redis://127.0.0.1:${await freePort()}`, token: TOKEN })
    const { url } = await alone.listen()
    await expect(new Redis({ url, token: TOKEN, retry: false }).get('k')).rejects.toThrow('ERR Redis is unreachable')
    await alone.close()
    await expect(fetch(url)).rejects.toThrow('fetch failed')
  })

  test('closing ends connections that are still waiting', async () => {
    const slow = createUpstashFacade({ redisUrl: redis.url, token: TOKEN, latencyMs: ALL_DAY_MS })
    const { url } = await slow.listen()
    const waiting = expect(fetch(`${url}/ping`, { headers: { authorization: `Bearer ${TOKEN}` } })).rejects.toThrow('fetch failed')
    await expect.poll(() => slow.stats.commands, { timeout: DEADLINE_MS }).toBe(1)
    await slow.close()
    await waiting
  })
})
