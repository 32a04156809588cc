import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { pageSchema } from '../../contract/post.ts'
import { runCurlLine } from '../support/curl-line.ts'
import { eventually } from '../support/eventually.ts'
import { createDatabase } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { livingIn, npmStart, pathWithoutRedis, recordedGroups, type Start } from '../support/start.ts'

const READY = /Ready in [\d.]+ s/
const TOKEN_COMMAND = fileURLToPath(new URL('../../dev/token.ts', import.meta.url))

let folder: string
let stateDir: string
let ports: string[]
let workerPort: number
const starts: Start[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tideline-start-'))
  await chmod(folder, 0o755) // as root, Postgres runs as another user
  stateDir = join(folder, 'state')
  workerPort = randomInt(10_000, 20_000) // where no outgoing connection takes it while we start; a busy one is replaced
  ports = ['--port', String(workerPort), '--origin-port', String(workerPort - 1_000)]
})
/** Ends what a test that failed left running, and what `beforeAll` started when all is over. */
async function endAll(except?: Start): Promise<void> {
  for (const start of starts) if (start !== except && !start.hasEnded()) await start.end('SIGTERM')
}
afterAll(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
})

function start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Start {
  const started = npmStart([...ports, '--state-dir', stateDir, ...args], env)
  starts.push(started)
  return started
}

const devJson = async () => JSON.parse(await readFile(join(stateDir, 'dev.json'), 'utf8'))
const curlLines = (output: string) => output.split('\n').filter((line) => line.startsWith('curl '))
/** Killed processes are gone a moment after the signal. */
const expectEnded = (groups: readonly number[]) => eventually(async () => expect(await livingIn(groups)).toEqual([]))
const groupsNow = async () => (await recordedGroups(stateDir)).map(({ pid }) => pid)
const textsOf = async (response: Response) => pageSchema.parse(await response.json()).posts.map(({ text }) => text)

const demoUser = async () => {
  const sql = postgres((await devJson()).databaseUrl, { max: 1 })
  const [user] = await sql`select id::text from users order by id limit 1`.finally(() => sql.end())
  return { id: String(user?.id) }
}

async function token(...args: string[]) {
  return promisify(execFile)(process.execPath, [TOKEN_COMMAND, '--state-dir', stateDir, ...args]).then(
    ({ stdout }) => ({ code: 0, stdout: stdout.trim(), stderr: '' }),
    (error: { code: number; stderr: string }) => ({ code: error.code, stdout: '', stderr: error.stderr.trim() }),
  )
}

describe('npm start', () => {
  let first: Start
  let squatter: Server
  let groups: number[]
  let lines: string[]

  beforeAll(async () => {
    squatter = createServer().listen(workerPort, '127.0.0.1')
    await once(squatter, 'listening')
    first = start()
    await first.says(READY)
    groups = await groupsNow()
    lines = curlLines(first.output())
  }, 240_000)

  afterEach(() => endAll(first))

  test('prints three curl lines: they read a feed, post, and read the post at once', async () => {
    const [read = '', post = '', again = ''] = lines
    const jar = new Map<string, string>()
    expect(await textsOf(await runCurlLine(read, jar))).toHaveLength(3)
    expect((await runCurlLine(post, jar)).status).toBe(201)
    expect((await textsOf(await runCurlLine(again, jar)))[0]).toBe('Hello from the edge')
    expect(lines).toHaveLength(3)
  })

  test('chooses another port for a busy one and says so in one line', async () => {
    const [, chosen] = await first.says(new RegExp(`port ${workerPort} is taken, the next free one is (\\d+) \\(worker\\)`))
    expect((await devJson()).workerUrl).toBe(`http://127.0.0.1:${chosen}`)
    expect(lines[0]).toContain(`http://127.0.0.1:${chosen}/`)
    squatter.close()
  })

  test('is refused in one line where another one runs', async () => {
    const { code, lines } = await start().end()
    expect([code, lines]).toEqual([2, [expect.stringMatching(/another "npm start" \(process \d+\) already runs/)]])
  })

  test('keeps its secrets for its owner alone', async () => {
    for (const file of ['dev.json', 'dev.vars', 'running.json']) expect((await stat(join(stateDir, file))).mode & 0o777).toBe(0o600)
    expect((await devJson()).pid).toBe(first.process.pid)
  })

  test('has a token command, by handle, by id and for a service', async () => {
    const { workerUrl } = await devJson()
    const as = (bearer: string, path: string, init?: RequestInit) =>
      fetch(workerUrl + path, { ...init, headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' } })
    const [byHandle, byId, service, nobody] = await Promise.all([
      token('--user', 'ada.arden'),
      token('--user', (await demoUser()).id, '--hours', '1'),
      token('--service'),
      token('--user', 'nobody.here'),
    ])
    for (const { stdout } of [byHandle, byId]) expect((await as(stdout, '/v1/feed/following')).status).toBe(200)
    const put = { method: 'PUT', body: JSON.stringify({ handle: 'made.by.service', name: 'Made' }) }
    expect((await as(service.stdout, '/v1/users/2100000000000000000', put)).status).toBe(201)
    expect(nobody).toEqual({ code: 2, stdout: '', stderr: 'there is no user "nobody.here"' })
  })

  test('ends every process on Ctrl-C, with exit code 0', async () => {
    expect(groups).toHaveLength(4)
    expect((await livingIn(groups)).length).toBeGreaterThanOrEqual(4)
    expect((await first.end('SIGINT')).code).toBe(0)
    await expectEnded(groups)
    expect(await readdir(stateDir)).not.toContain('running.json')
  })

  test('keeps data and secrets for the next one, which needs no Redis, and ends in one line when a part ends by itself', async () => {
    const second = start([], { PATH: await pathWithoutRedis(join(folder, 'bin')), TIDELINE_REDIS: '' })
    await second.says(READY)
    expect(second.output()).toMatch(/Redis on 127\.0\.0\.1:\d+: stand-in \(Lua 5\.1 scripts through [\w.-]+\); install redis-server/)
    expect(second.output()).toMatch(/the data of before is there: 501 users, 2,001 posts/)
    const feedLine = lines[0]?.replace(/http:\/\/127\.0\.0\.1:\d+/, (await devJson()).workerUrl) ?? ''
    expect((await textsOf(await runCurlLine(feedLine, new Map())))[0]).toBe('Hello from the edge')

    const processes = await recordedGroups(stateDir)
    const origin = processes.find(({ name }) => name === 'the origin')?.pid ?? 0
    const before = second.output().length
    process.kill(origin, 'SIGKILL')
    const { code } = await second.end()
    expect(code).toBe(1)
    // What the origin complained of while it lived, say that this Redis is another one than the first start's, may come before or after we looked.
    const said = second
      .output()
      .slice(before)
      .replaceAll(/^.* origin: .*\n/gm, '')
    expect(said).toMatch(/^the origin ended by itself \(by SIGKILL\).*\n$/)
    await expectEnded(processes.map(({ pid }) => pid))
  }, 240_000)

  test('drops the data with --reset, and only the data; Ctrl-C while it starts ends every process as well', async () => {
    await writeFile(join(stateDir, 'not-ours'), 'kept')
    const third = start(['--reset'])
    await third.says(/a demo graph is in: 500 users, 2,000 posts/)
    const groups = await groupsNow()
    expect(await third.end('SIGINT')).toMatchObject({ code: 0 })
    await expectEnded(groups)
    expect(await readFile(join(stateDir, 'not-ours'), 'utf8')).toBe('kept')
  }, 240_000)

  test('ends what a killed one left behind, and starts', async () => {
    const killed = start()
    await killed.says(/PostgreSQL 18 runs/)
    const groups = await groupsNow()
    await killed.end('SIGKILL')
    expect(await livingIn(groups)).not.toEqual([])
    const next = start()
    await next.says(/ending Postgres \(process \d+\), which a killed start left behind/)
    await next.says(/PostgreSQL 18 runs/)
    await expectEnded(groups)
    expect(await next.end('SIGTERM')).toMatchObject({ code: 0 })
  }, 240_000)
})

test('npm start uses a Postgres and a Redis of the caller and leaves them running', async () => {
  const [database, redis] = await Promise.all([createDatabase(inject('postgresUrl')), startRedis()])
  try {
    const elsewhere = join(folder, 'elsewhere')
    const own = start(['--state-dir', elsewhere, '--database-url', database.url, '--redis-url', redis.url])
    await own.says(READY)
    expect((await recordedGroups(elsewhere)).map(({ name }) => name).toSorted()).toEqual(['the origin', 'the worker'])
    expect(await own.end('SIGINT')).toMatchObject({ code: 0 })
    expect(redis.process.exitCode).toBe(null)
    expect(await readdir(elsewhere)).not.toContain('postgres')
  } finally {
    await endAll()
    await Promise.all([database.drop(), redis.stop()])
  }
}, 240_000)

test('npm start says in one line what is wrong with what it was told, with exit code 2', async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/^no redis-server or valkey-server on the PATH: .*--redis-url/, '--redis', 'real'],
    [/^which Redis\? "real" or "stand-in", not "fake"$/, '--redis', 'fake'],
    [/^cannot use the Redis at 127\.0\.0\.1:1: /, '--redis-url', 'redis://127.0.0.1:1'],
    [/^a database url looks like postgres:/, '--database-url', 'mysql://127.0.0.1/x'],
    [/^Unexpected argument 'now'/, 'now'],
    [/^--port is a whole number from 1 to 65535, not "70000"$/, '--port', '70000'],
  ]
  const ended = wrong.map(async ([line, ...args], index) => {
    const { code, lines } = await start(['--state-dir', join(folder, `never-${index}`), ...args], { PATH: folder }).end()
    expect([code, lines]).toEqual([2, [expect.stringMatching(line)]])
  })
  await Promise.all(ended)
})
