import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Verdict } from '../../dev/preflight/check.ts'
import { checkDatabase } from '../../dev/preflight/database.ts'
import type { Deployment, Env } from '../../dev/preflight/deployment.ts'
import { checkOrigin } from '../../dev/preflight/origin.ts'
import { preflight } from '../../dev/preflight/preflight.ts'
import { checkRedis } from '../../dev/preflight/redis.ts'
import { createUpstashFacade } from '../../dev/upstash-facade.ts'
import { runDevCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { startTransactionPooler } from '../support/transaction-pooler.ts'

const secret = () => randomBytes(32).toString('base64')
const SECRETS = { EDGE_SECRET: secret(), JWT_SECRET: secret(), SIGNING_SECRET: secret() }
/** What the origin is told beside its EDGE_SECRET: a rotation is under way. */
const EDGE_SECRET_PREVIOUS = secret()
const NOBODY = 'http://127.0.0.1:1'

let stack: Stack
let origin: Env = {}
let worker: Env = {}
beforeAll(async () => {
  stack = await startStack({
    processes: 0,
    origin: { EDGE_SECRET: SECRETS.EDGE_SECRET, EDGE_SECRET_PREVIOUS },
    redis: ['--maxmemory-policy', 'volatile-lru'],
  })
  await alter('set synchronous_commit = on')
  origin = { ...stack.environment, ANNOUNCE_MS: undefined, TIMELINE_LIFE_MS: undefined, EDGE_SECRET_PREVIOUS: undefined }
  worker = { ...stack.bindings, ...SECRETS, CORS_ORIGINS: 'https://app.example' }
})
afterAll(() => stack?.stop())

const deployment = (changes: { origin?: Env; worker?: Env } = {}): Deployment => ({
  origin: { ...origin, ...changes.origin },
  worker: { ...worker, ...changes.worker },
  wrangler: undefined,
})
/** Level and words of the check called `name`; undefined when it was not made. */
const found = (verdicts: readonly Verdict[], name: string): string | undefined =>
  verdicts.filter(({ check }) => check === name).map(({ level, says }) => `${level} ${says}`)[0]
/** Changes a default of the database, which connections made from now on have. */
const alter = (change: string) => stack.db.execute(sql.raw(`alter database "${new URL(stack.databaseUrl).pathname.slice(1)}" ${change}`))
const databaseWith = (changes: Env = {}, nowMs = Date.now) => checkDatabase({ ...origin, ...changes }, nowMs)

test('a good configuration passes; that it is all on one machine is pointed out', async () => {
  // Its calls give up after seconds, and warn of what takes long: a machine that stood still is looked at again.
  await eventually(async () => {
    const verdicts = await preflight(deployment())
    expect(verdicts.filter(({ level }) => level === 'FAIL')).toEqual([])
    expect(verdicts.flatMap(({ level, check }) => (level === 'warn' ? [check] : []))).toEqual(['redis encrypted', 'origin encrypted'])
    expect(verdicts.length).toBeGreaterThan(30)
  })
})

test('nothing is left behind in Redis', async () => {
  await checkRedis(deployment(), Date.now)
  const facade = await fetch(stack.l2Url, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.l2Token}` },
    body: '["KEYS","*preflight*"]',
  })
  expect(await facade.json()).toEqual({ result: [] })
})

test('nobody reachable anywhere: every line says so, and the rest is still checked', async () => {
  const verdicts = await preflight(
    deployment({
      origin: { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/none', UPSTASH_REDIS_REST_URL: NOBODY },
      worker: { ORIGIN_URL: NOBODY, UPSTASH_REDIS_REST_URL: NOBODY },
    }),
  )
  for (const name of ['postgres reachable', 'redis reachable', 'origin ready', 'origin believes the worker']) {
    expect(found(verdicts, name), name).toMatch(/^FAIL /)
  }
  expect(found(verdicts, 'secret JWT_SECRET')).toBe('ok strong')
})

test('found: tables that are missing, and the command that makes them', async () => {
  const rows = await stack.db.execute<{ hash: string; created_at: bigint }>(
    sql`delete from drizzle.__drizzle_migrations returning hash, created_at`,
  )
  const verdicts = await databaseWith()
  for (const { hash, created_at } of rows) {
    await stack.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${created_at})`)
  }
  expect(verdicts.filter(({ level }) => level === 'FAIL')).toEqual([
    { check: 'postgres migrated', level: 'FAIL', says: expect.stringMatching(/^lacks 0001_tables, /), todo: 'npm run migrate' },
  ])
})

test('found: settings of a database that lose posts, cut off or read only', async () => {
  const defaults = ['synchronous_commit = off', "idle_session_timeout = '1min'", "default_transaction_isolation = 'serializable'"]
  for (const each of defaults) await alter(`set ${each}`)
  const verdicts = await databaseWith()
  for (const each of defaults) await alter(`reset ${each.split(' ')[0]}`)
  await alter('set synchronous_commit = on')
  expect(found(verdicts, 'postgres durability')).toMatch(/^FAIL .*acknowledged/)
  expect(found(verdicts, 'postgres timeouts')).toMatch(/^warn idle_session_timeout/)
  expect(found(verdicts, 'postgres isolation')).toMatch(/^FAIL .*serializable/)

  await alter("set statement_timeout = '7s'")
  await alter('set default_transaction_read_only = on')
  const others = await databaseWith()
  await stack.db.transaction(async (tx) => {
    await tx.execute(sql`set transaction read write`)
    await tx.execute(sql.raw(`alter database "${new URL(stack.databaseUrl).pathname.slice(1)}" reset default_transaction_read_only`))
  })
  await alter('reset statement_timeout')
  expect(found(others, 'postgres timeouts')).toMatch(/^warn .*statement_timeout 7s/)
  expect(found(others, 'postgres writable')).toMatch(/^FAIL read only/)
})

test('found: a role that may not write, and too few connections for it', async () => {
  const role = `reader_${randomBytes(4).toString('hex')}`
  const url = new URL(stack.databaseUrl)
  url.username = role
  await stack.db.execute(sql.raw(`create role ${role} login password '${url.password}' connection limit 20`))
  const verdicts = await databaseWith({ DATABASE_URL: url.href, DATABASE_CONNECTIONS: '30' })
  await stack.db.execute(sql.raw(`drop role ${role}`))
  expect(found(verdicts, 'postgres connections')).toMatch(/^FAIL an origin takes 31 of 20/)
  expect(verdicts.find(({ level }) => level === 'FAIL')).toBeDefined()
  expect(found(verdicts, 'postgres writable')).toMatch(/^FAIL .*(may not write|permission denied)/)
})

test('found: clocks that differ by more than the origin minds', async () => {
  // Less by what the answer takes, which nobody can tell from the clocks.
  const verdicts = await databaseWith({}, () => Date.now() + 50_000)
  expect(found(verdicts, 'postgres clock')).toMatch(/^FAIL [345]\d{4} ms/)
  expect(found(await checkRedis(deployment(), () => Date.now() - 50_000), 'redis clock')).toMatch(/^warn [345]\d{4} ms/)
})

test('found: a pooler in transaction mode', async () => {
  const pooler = await startTransactionPooler(stack.databaseUrl)
  const verdicts = await databaseWith({ DATABASE_URL: pooler.url })
  await pooler.stop()
  expect(found(verdicts, 'postgres sessions')).toMatch(/^FAIL a pooler in transaction mode/)
  expect(found(verdicts, 'postgres version')).toMatch(/^ok/)
})

test('found: a token of another database, one that may only read, a Redis that forgets nothing, scripts that fail, a slow one', async () => {
  const facade = createUpstashFacade({ redisUrl: stack.redis.url, token: 'writes', readOnlyToken: 'reads', latencyMs: 30 })
  const { url } = await facade.listen()
  const withToken = (token: string) =>
    checkRedis(
      deployment({ origin: { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }, worker: { L2_DEADLINE_MS: '30' } }),
      Date.now,
    )
  expect(found(await withToken('neither'), 'redis reachable')).toMatch(/^FAIL WRONGPASS/)
  expect(found(await withToken('reads'), 'redis writable')).toMatch(/^FAIL NOPERM/)

  facade.setFault(({ commands: [[name = '', ...words] = []] }) => {
    if (name.toUpperCase() === 'CONFIG') return { status: 400, error: 'ERR unknown command CONFIG' }
    return /^eval/i.test(name) && words.length > 0
      ? { status: 400, error: 'ERR unexpected flag in script shebang: allow-key-locking' }
      : undefined
  })
  const verdicts = await withToken('writes')
  await facade.close()
  expect(found(verdicts, 'redis scripts')).toMatch(/^FAIL ERR unexpected flag/)
  expect(found(verdicts, 'redis eviction')).toMatch(/^warn cannot be asked here/)
  expect(found(verdicts, 'redis round trip')).toMatch(/^warn \d+ ms from here; the worker gives up after 30/)
})

test('found: another EDGE_SECRET than the origin has, and a place where no origin is', async () => {
  const stranger = await checkOrigin({ ...worker, EDGE_SECRET: secret() }, Date.now)
  expect(found(stranger, 'origin ready')).toBe('ok 200')
  expect(found(stranger, 'origin believes the worker')).toBe('FAIL refuses our signature')
  const rotating = await checkOrigin({ ...worker, EDGE_SECRET: EDGE_SECRET_PREVIOUS }, Date.now)
  expect(found(rotating, 'origin believes the worker')).toBe('ok a signed load is answered')
  const elsewhere = await checkOrigin({ ...worker, ORIGIN_URL: stack.l2Url }, Date.now)
  expect(found(elsewhere, 'origin ready')).toMatch(/^FAIL .* answers 401/)
  expect(found(await checkOrigin({ ...worker, ORIGIN_URL: 'http://192.0.2.1' }, Date.now), 'origin encrypted')).toMatch(/^FAIL plain http/)
  expect(found(await checkOrigin(worker, () => Date.now() + 100_000), 'origin ready')).toMatch(/^FAIL its clock is 1\d\d s/)
})

test('the command reads files, prints a line for each check and ends with 0; with 2 when one fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-preflight-'))
  const file = join(folder, 'production.env')
  const text = (env: Env) => Object.entries({ ...env, ...SECRETS }).map(([name, value]) => (value ? `${name}='${value}'\n` : ''))
  const command = (...args: string[]) => runDevCommand('preflight', args)
  try {
    await writeFile(file, text(origin).join(''))
    await eventually(async () => {
      const good = await command('--origin-env', file, '--only', 'origin')
      expect(good, good.output).toMatchObject({ code: 0, output: expect.stringMatching(/^ok +postgres migrated +up to date$/m) })
      expect(good.output).toMatch(/\n\d+ ok, 1 to look at, 0 failed\n$/)
    })

    await writeFile(file, text({ ...origin, DATABASE_URL: undefined }).join(''))
    const bad = await command('--origin-env', file, '--only', 'origin', '--json')
    expect(bad.code, bad.output).toBe(2)
    expect(JSON.parse(bad.output).verdicts).toContainEqual(
      expect.objectContaining({ level: 'FAIL', check: 'origin DATABASE_URL', says: 'missing' }),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
