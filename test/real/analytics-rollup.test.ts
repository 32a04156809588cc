import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type DataPoint, encodePoint } from '../../contract/analytics.ts'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { createRollup } from '../../origin/analytics/rollup.ts'
import { createApp } from '../../origin/app.ts'
import { pruneRollup, readAnalytics, readMinutes, SUMS } from '../../origin/db/analytics.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import type { Readiness } from '../../origin/http/readiness.ts'
import { eventually } from '../support/eventually.ts'
import { anyPoint } from '../support/points.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

const COMMAND = join(import.meta.dirname, '../../dev/analytics.ts')
const DOC = join(import.meta.dirname, '../../docs/analytics.md')
const NOW_MS = Date.now()
const MINUTES_MS = 60_000
/** Requests that a row of Analytics Engine stands for. */
const WEIGHT = 3
const SEED = Number(process.env.SEED ?? 20_261_121)
const EDGE_SECRET = 'test-edge-secret-0123456789'

let database: TestDatabase
let connection: Connection
let points: DataPoint[]
const clock = { nowMs: () => NOW_MS }

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 2, statementTimeoutMs: 60_000, applicationName: 'test' })
  points = fc.sample(anyPoint(NOW_MS), { numRuns: 2_000, seed: SEED }).map(encodePoint)
  // Two origins at once, in several writes, on the same rows.
  const rollups = [createRollup(connection.db, clock), createRollup(connection.db, clock)]
  for (let at = 0; at < points.length; at += 400) {
    for (const [i, rollup] of rollups.entries()) rollup.add(points.slice(at + 200 * i, at + 200 * (i + 1)))
    await Promise.all(rollups.map((rollup) => rollup.write()))
  }
})
afterAll(async () => {
  await connection.close()
  await database.drop()
})
const analytics = (route?: string) => readAnalytics(connection.db, NOW_MS - 2 * MINUTES_MS, NOW_MS + MINUTES_MS, route)

/** The text of docs/analytics.md as Postgres understands it: where it has other words, those; the dataset is a table of raw points. */
async function engineSql(): Promise<string> {
  const [, text = ''] = /```sql\n([\s\S]*?)```/.exec(await readFile(DOC, 'utf8')) ?? []
  return text.replace(/quantileExactWeighted\(([\d.]+)\)\((\w+), _sample_interval\)/g, 'percentile_disc($1) within group (order by $2)')
}

test('the SQL for Analytics Engine decodes the columns to what the rollup shows', async () => {
  const blobs = points[0]?.blobs.map((_, i) => `blob${i + 1} text`) ?? []
  const doubles = points[0]?.doubles.map((_, i) => `double${i + 1} numeric`) ?? []
  const columns = ['timestamp timestamptz', '_sample_interval numeric', ...blobs, ...doubles].join(', ')
  const rows = points.map(({ atMs, blobs, doubles }) => ({
    timestamp: new Date(atMs).toISOString(),
    _sample_interval: WEIGHT,
    ...Object.fromEntries(blobs.map((blob, i) => [`blob${i + 1}`, blob])),
    ...Object.fromEntries(doubles.map((double, i) => [`double${i + 1}`, double])),
  }))
  const shown = await connection.db.transaction(async (tx) => {
    await tx.execute(sql`create function intdiv(numeric, numeric) returns numeric language sql immutable return div($1, $2)`)
    await tx.execute(sql.raw(`create table tideline_requests (${columns})`))
    await tx.execute(
      sql`insert into tideline_requests select * from json_populate_recordset(null::tideline_requests, ${JSON.stringify(rows)}::json)`,
    )
    return tx.execute<Record<string, string>>(sql.raw(await engineSql()))
  })
  const { routes } = await analytics()
  expect(shown.map(({ route }) => route)).toEqual(routes.map(({ route }) => route))
  for (const row of shown) {
    const { classes, totals, p50Ms, p90Ms, p99Ms } = await analytics(row.route)
    const answers = Object.fromEntries(
      Object.entries(classes).flatMap(([keyClass, layers]) => Object.entries(layers).map(([layer, n]) => [`${keyClass}_${layer}`, n])),
    )
    const { degraded, ...sums } = { ...answers, ...totals }
    const asked = SUMS.filter((name) => name !== 'degraded')
    expect(Object.fromEntries(asked.map((name) => [name, Number(row[name]) / WEIGHT])), `seed ${SEED}`).toEqual(sums)
    for (const [mine, exact] of [
      [p50Ms, row.p50_ms],
      [p90Ms, row.p90_ms],
      [p99Ms, row.p99_ms],
    ] as const) {
      expect(Math.abs(mine - Number(exact)) / Number(exact)).toBeLessThan(0.05)
    }
    expect(degraded).toBeGreaterThan(0)
  }
})

describe('npm run analytics', () => {
  /** Runs the command; answers its exit code and what it wrote, both streams. */
  const run = (...args: string[]) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      execFile(process.execPath, [COMMAND, '--database-url', database.url, ...args], (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
      )
    })

  test('prints a table, or JSON', async () => {
    const [text, json] = await Promise.all([run('--last', '1h', '--by', 'minute'), run('--json')])
    expect(text.output).toMatch(/^2,000 requests in the last 1h\n/)
    for (const line of [/^po +posts( +[\d.,]+ %?){4}$/m, /^leases granted +[\d,]+$/m, /^points of analytics dropped +[\d,]+$/m]) {
      expect(text.output).toMatch(line)
    }
    expect(text.output).toMatch(/^\/v1\/posts\/:id( +[\d.,]+){4} +2xx [\d,]+ {2}3xx [\d,]+ {2}4xx [\d,]+ {2}5xx [\d,]+$/m)
    expect(text.output).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d( +[\d.,]+ ?%?){5}$/m)
    const { answers, totals } = await analytics()
    expect(JSON.parse(json.output)).toMatchObject({ answers, totals })
  })

  test('says what to do where there is nothing, and what is wrong with a command line', async () => {
    const [nothing, help, ...wrong] = await Promise.all([
      run('--route', '/nowhere'),
      run('--help'),
      run('--last', '5'),
      run('--by', 'hour'),
    ])
    expect(nothing).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^no request to \/nowhere in the last 10m\n[\s\S]*ANALYTICS_SINK=origin/),
    })
    expect(help).toMatchObject({ code: 0, output: expect.stringContaining('--last TIME') })
    for (const { code, output } of wrong) {
      expect(code, output).toBe(2)
      expect(output.trim().split('\n')).toHaveLength(1)
    }
  })
})

test('minutes add up to the whole', async () => {
  const { totals, answers } = await analytics()
  const minutes = await readMinutes(connection.db, NOW_MS - 2 * MINUTES_MS, NOW_MS + MINUTES_MS)
  const sum = (of: (minute: (typeof minutes)[number]) => number) => minutes.reduce((total, minute) => total + of(minute), 0)
  expect(sum(({ requests }) => requests)).toBe(points.length)
  expect(sum(({ answers }) => answers.memory)).toBe(answers.memory)
  expect(sum(({ dropped }) => dropped)).toBe(totals.dropped)
})

test('points too old, or ahead of the clock, are not told as of now, but as dropped', async () => {
  const [point = expect.fail('no point')] = points
  const before = (await analytics()).totals
  const rollup = createRollup(connection.db, clock)
  rollup.add([-11 * MINUTES_MS, 2 * MINUTES_MS].map((ms) => ({ ...point, atMs: NOW_MS + ms })))
  await rollup.write()
  const after = (await analytics()).totals
  expect({ requests: after.requests, dropped: after.dropped }).toEqual({ requests: before.requests, dropped: before.dropped + 2 })
})

test('rows that hold nothing but dropped points add up too', async () => {
  const [point = expect.fail('no point')] = points
  const route = '/late'
  const rollup = createRollup(connection.db, clock)
  for (let written = 1; written <= 2; written++) {
    rollup.add([{ ...point, atMs: NOW_MS - 11 * MINUTES_MS, blobs: [route, 'GET', '2xx', 'none', '', ''] }])
    await rollup.write()
    expect((await analytics(route)).totals).toMatchObject({ requests: 0, dropped: written })
  }
})

test('what was written though its answer got lost is not written again; it counts as dropped', async () => {
  const { db } = connection
  const before = (await analytics()).totals
  async function losingItsAnswer(...args: Parameters<Database['transaction']>): Promise<never> {
    await db.transaction(...args)
    throw new Error('failed', { cause: Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' }) })
  }
  const rollup = createRollup(Object.assign(Object.create(db), { transaction: losingItsAnswer }), clock)
  rollup.add(points.slice(0, 50).map((point) => ({ ...point, doubles: point.doubles.map(() => 0) })))
  await expect(rollup.write()).rejects.toThrow('failed')
  await expect(rollup.write()).rejects.toThrow('failed') // what it now holds is that 50 are dropped
  const after = (await analytics()).totals
  expect(after).toMatchObject({ requests: before.requests + 50, dropped: before.dropped + 50 })
})

test('what could not be written is written the next time, once', async () => {
  const { requests } = (await analytics()).totals
  const rollup = createRollup(connection.db, clock)
  rollup.add(points.slice(0, 50))
  await connection.db.execute(sql`alter table analytics rename to aside`)
  await expect(rollup.write()).rejects.toThrow()
  await connection.db.execute(sql`alter table aside rename to analytics`)
  rollup.add(points.slice(50, 80))
  await rollup.write()
  await rollup.write()
  expect((await analytics()).totals.requests).toBe(requests + 80)
})

test('a rollup that cannot write is bounded: it refuses points instead', async () => {
  const [point = expect.fail('no point')] = points
  const rollup = createRollup(connection.db, clock)
  const routes = Array.from({ length: 400 }, (_, i) => i)
  const taken = Array.from({ length: 20 }, (_, batch) =>
    rollup.add(routes.map((i) => ({ ...point, blobs: [`/r${batch}/${i}`, ...point.blobs.slice(1)] as DataPoint['blobs'] }))),
  )
  expect(taken.filter(Boolean)).toHaveLength(10)
})

test('the rollup is pruned in bounded steps, and the young stays', async () => {
  const { requests } = (await analytics()).totals
  await connection.db.execute(sql`
    insert into analytics select (json_populate_record(a, json_build_object('bucket_at', a.bucket_at - interval '25 hours'))).* from analytics a`)
  const [old = expect.fail('nothing counted')] = await connection.db.execute<{ rows: number }>(sql`
    select count(*)::int as rows from analytics where bucket_at < now() - interval '24 hours'`)
  expect(old.rows).toBeGreaterThan(5)
  expect(await pruneRollup(connection.db, 24, 5)).toBe(5)
  expect(await pruneRollup(connection.db, 24, 5_000)).toBe(old.rows - 5)
  expect((await analytics()).totals.requests).toBe(requests)
})

test('points take no place from reads: an origin that serves all it can still takes them, and sheds the rest', async () => {
  const { db } = connection
  const rollup = createRollup(db, clock)
  const edgeKey = await importKey(EDGE_SECRET)
  const readiness: Readiness = async () => ({ status: 'ready', checks: {} })
  const told = { newRequestId: () => 'id', observe: () => {} }
  const parts = {
    db,
    edgeKey,
    clock,
    rollup,
    readiness,
    demo: undefined,
    mint: () => 1n,
    settle: async () => {},
    jobs: { queueing: () => ({}), announce: () => {} },
    routing: () => Promise.reject(new Error('not asked')),
    rebuilds: { later: () => {} },
    listFormat: 'dense' as const,
    ...told,
  }
  const app = createApp({ ...parts, maxConcurrentRequests: 1 })
  async function ask(path: string, question: unknown): Promise<number> {
    const body = JSON.stringify(question)
    const signature = await signRequest(edgeKey, { method: 'POST', target: path, body: new TextEncoder().encode(body) }, {}, NOW_MS)
    const headers = { 'content-type': 'application/json', [SIGNATURE_HEADER]: signature }
    const { status } = await app.request(path, { method: 'POST', headers, body })
    return status
  }
  const load = () => ask('/internal/load', { keys: ['us:1100000000000000001'] })
  const other = connect(database.url, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'test' })
  const held: Promise<number>[] = []
  await other.db.transaction(async (tx) => {
    await tx.execute(sql`lock table users in access exclusive mode`)
    held.push(load())
    await eventually(async () => {
      const waiting = await tx.execute(sql`select 1 from pg_locks where relation = 'users'::regclass and not granted`)
      expect(waiting).toHaveLength(1)
    })
    expect(await load()).toBe(503)
    expect(await ask('/internal/points', { points: points.slice(0, 10) })).toBe(202)
    expect(await ask('/internal/points', { points: [{ ...points[0], userId: '1100000000000000001' }] })).toBe(400)
  })
  expect(await Promise.all(held)).toEqual([200])
  await other.close()
})
