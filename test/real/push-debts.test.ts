import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { createUpstashFacade } from '../../dev/upstash-facade.ts'
import { createL2 } from '../../origin/adapters/l2.ts'
import { takeUnpushed } from '../../origin/db/chunks.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { payAllPushes } from '../../origin/fanout/debts.ts'
import { createDelivery } from '../../origin/fanout/deliver.ts'
import type { Heartbeat } from '../../origin/fanout/heartbeat.ts'
import { ID_DIGITS } from '../../origin/fanout/l2-port.ts'
import { clock } from '../../origin/wiring.ts'
import { eventually } from '../support/eventually.ts'
import { fanoutWorker } from '../support/fan-out.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const TOKEN = 'test-l2-token'
const FIRST = 1_800_000_000_000_000_000n
const VIEWERS = 1_500
const AUTHORS = 60
/** Of a call to a Redis that is ill, and to one that is well on a machine that is not. */
const SHORT_MS = 250
const LONG_MS = 60_000

let database: TestDatabase
let connection: Connection
let redis: TestRedis
let facade: ReturnType<typeof createUpstashFacade>
let l2Url = ''
let nextPost = 2_180_000_000_000_000_000n

beforeAll(async () => {
  ;[database, redis] = await Promise.all([createDatabase(inject('postgresUrl')), startRedis()])
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 30_000, applicationName: 'test' })
  facade = createUpstashFacade({ redisUrl: redis.url, token: TOKEN, replicaLagMs: 0 })
  l2Url = (await facade.listen()).url
  const { db } = connection
  await db.execute(
    sql`insert into users (id, handle, name) select ${FIRST}::bigint + i, 'user-' || i, 'User' from generate_series(1, ${VIEWERS}::int) i`,
  )
  // Author 1 is followed by all, the others by five each; they count as 500, so that few are taken as debts together.
  await db.execute(
    sql`insert into authors (author_id, follower_count) select ${FIRST}::bigint + i, 500 from generate_series(1, ${AUTHORS}::int) i on conflict do nothing`,
  )
  await db.execute(sql`
    insert into push_edges (author_id, viewer_id) select ${FIRST}::bigint + 1, ${FIRST}::bigint + i from generate_series(1, ${VIEWERS}::int) i union all
    select ${FIRST}::bigint + a, ${FIRST}::bigint + i from generate_series(2, ${AUTHORS}::int) a, generate_series(1, 5) i`)
}, 60_000)
afterAll(async () => {
  await connection?.close()
  await facade?.close()
  await Promise.all([database?.drop(), redis?.stop()])
})
afterEach(async () => {
  await redis.kill('SIGCONT')
  await connection.db.execute(sql`truncate fanout_jobs, fanout_chunks`)
})

/** Queues a post of each author from the `from`th to the `to`th; answers their ids. */
async function queue(from: number, to: number): Promise<string[]> {
  const rows = await connection.db.execute<{ id: bigint }>(sql`
    with post as (
      insert into posts (id, author_id, text, mode) select ${nextPost}::bigint + i, ${FIRST}::bigint + i, 'x', 'push' from generate_series(${from}::int, ${to}::int) i
      returning id, author_id
    ), job as (insert into fanout_jobs (activity_id, author_id, mode, lane) select id, author_id, 'push', 0 from post)
    select id from post order by id`)
  nextPost += 10_000n
  return rows.map(({ id }) => String(id))
}

interface Pace {
  /** Resolves when a call may be sent: the first of the process is 0. */
  readonly gate?: (call: number) => Promise<unknown>
  readonly monotonicMs?: () => number
}

/** What one process says to Redis, and every call it made: the activities of each, and whether it was acknowledged. */
function createProcess(deadlineMs: number, { gate = async () => {}, monotonicMs = clock.monotonicMs }: Pace = {}) {
  const real = createL2({
    url: l2Url,
    token: TOKEN,
    prefix: 'test:',
    deadlineMs,
    timeoutSignal: (ms) => AbortSignal.timeout(ms),
  })
  const calls: { readonly activities: readonly string[]; readonly keys: number; acknowledged: boolean }[] = []
  const l2 = {
    ...real,
    async push(...[entries, deliveries, machineId]: Parameters<typeof real.push>) {
      const call = {
        activities: [...new Set(deliveries.map(({ entry }) => entries[entry]?.activityId ?? ''))],
        keys: deliveries.reduce((keys, one) => keys + ('key' in one ? 1 : one.viewers.length / ID_DIGITS), 0),
        acknowledged: false,
      }
      await gate(calls.push(call) - 1)
      const beat = await real.push(entries, deliveries, machineId)
      call.acknowledged = true
      return beat
    },
  }
  const heartbeat: Heartbeat = {
    era: 0,
    watch: async (write) => void (await write(1)),
    beat: async () => {},
    recoverAtStart: async () => {},
    handOver: async () => {},
  }
  const delivery = createDelivery({ db: connection.db, l2, heartbeat, clock: { ...clock, monotonicMs } })
  const worker = fanoutWorker(connection.db, { delivery, chunkSize: 5_000, batch: 6 })
  return {
    calls,
    delivery,
    drain: () => worker.drain(new AbortController().signal),
    /** Rejects where Redis does not answer. */
    ask: () => real.beats([1]),
    pay: (signal: AbortSignal) => payAllPushes({ db: connection.db, delivery, clock, observe: () => {} }, signal),
  }
}

const count = async (condition: ReturnType<typeof sql>): Promise<number> => {
  const [row] = await connection.db.execute<{ count: number }>(sql`select count(*)::int as count from ${condition}`)
  return row?.count ?? -1
}
const owed = sql`fanout_chunks where pushed_at is null`

test('a batch travels in as few calls as can be, however its chunks fall on them', async () => {
  await queue(1, 40)
  const { calls, delivery, drain } = createProcess(LONG_MS)
  await drain()
  const keys = VIEWERS + 39 * 5 + 40
  expect(calls.reduce((sum, call) => sum + call.keys, 0)).toBe(keys)
  expect(calls.length).toBeLessThanOrEqual(Math.ceil(keys / 1_000) + Math.ceil(40 / 6))
  expect([await count(owed), delivery.resting()]).toEqual([0, false])
})

/**
 * Has so many processes pay what is due: in turns, for who takes while another does is given older ones for that moment. Answers the activities of every call, in the
 * order in which they were taken.
 */
async function payInTurns(processes: number): Promise<(readonly string[])[]> {
  const taken: (readonly string[])[] = []
  const payers = Array.from({ length: processes }, () => {
    let letGo = () => {}
    const gate = async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      letGo = resolve
      await promise
    }
    const { calls, pay } = createProcess(LONG_MS, { gate })
    return { calls, pay, letGo: () => letGo(), ended: false }
  })
  const ends: Promise<unknown>[] = []
  for (let turn = 0; payers.some(({ ended }) => !ended); turn++) {
    const payer = payers[turn % processes]
    if (!payer || payer.ended) continue
    const before = payer.calls.length
    if (turn < processes) ends.push(payer.pay(AbortSignal.timeout(40_000)).finally(() => Object.assign(payer, { ended: true })))
    else payer.letGo()
    await eventually(() => expect(payer.ended || payer.calls.length > before).toBe(true), 20_000)
    taken.push(...payer.calls.slice(before).map(({ activities }) => activities))
    // However long the others take, what waits for its turn stays with its process.
    await connection.db.execute(sql`update fanout_chunks set due_at = now() + interval '1 hour' where pushed_at is null and due_at > now()`)
  }
  await Promise.all(ends)
  return taken
}

for (const [illness, ail, heal] of [
  ['is gone', () => redis.kill(), () => redis.restart()],
  ['hangs', () => redis.kill('SIGSTOP'), () => redis.kill('SIGCONT')],
] as const) {
  test(`while Redis ${illness} rows are written all the same; then debts are paid once, newest first, by whoever comes first`, async () => {
    await ail()
    const ids = await queue(2, 60)
    const worker = createProcess(SHORT_MS)
    await worker.drain()
    // One call found out; what was cut with it and after it asks nobody, and is due at once.
    expect(worker.calls.map(({ acknowledged }) => acknowledged)).toEqual([false])
    expect(worker.delivery.resting()).toBe(true)
    expect(await count(sql`fanout_jobs`)).toBe(0)
    expect(await count(sql`timeline_entries where activity_id = any(${`{${ids.join(',')}}`}::bigint[])`)).toBe(ids.length * 5)
    expect(await count(sql`${owed} and due_at <= now()`)).toBe(ids.length)
    // A push of nothing has not asked Redis.
    await worker.delivery.push([])
    expect(worker.delivery.resting()).toBe(true)

    await heal()
    // Before the façade has found Redis again an attempt would fail, and what it took be due two seconds later.
    await eventually(() => createProcess(LONG_MS).ask(), 20_000)
    expect((await payInTurns(2)).flatMap((activities) => [...activities].sort().reverse())).toEqual(ids.toReversed())
    expect(await count(owed)).toBe(0)
  }, 60_000)
}

test('what a process pushes, or is about to, is no debt for others while Redis acknowledges calls, however slow it is', async () => {
  const ids = await queue(1, 12)
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let nowMs = 0
  const slow = createProcess(LONG_MS, { gate: async (call) => gates[call]?.promise, monotonicMs: () => nowMs })
  const drained = slow.drain()
  // Two calls are in the air, and the next six chunks wait for them.
  await eventually(async () => expect([slow.calls.length, await count(sql`fanout_chunks`)]).toEqual([2, 12]), 20_000)
  const longOver = sql`now() - interval '1 hour'`
  const due = sql`${owed} and due_at <= ${longOver}`
  await connection.db.execute(sql`update fanout_chunks set due_at = ${longOver} where pushed_at is null`) // of a process that died they would be taken now
  expect(await count(due)).toBe(12)
  nowMs += 1_000
  gates[0]?.resolve()
  // Held anew: for some seconds, which may be over when this machine comes to look, and so for an hour more.
  await eventually(async () => expect(await count(due)).toBe(0))
  await connection.db.execute(sql`update fanout_chunks set due_at = due_at + interval '1 hour' where pushed_at is null`)
  expect(await takeUnpushed(connection.db, 10_000)).toEqual([])
  gates[1]?.resolve()
  await drained
  expect(await count(owed)).toBe(0)
  expect(slow.calls.reduce((sum, { keys }) => sum + keys, 0)).toBe(VIEWERS + 11 * 5 + ids.length)
}, 60_000)

test('debts are taken until their authors have so many followers together, the newest first', async () => {
  const ids = await queue(2, 10)
  await createProcess(LONG_MS, { gate: () => Promise.reject(new Error('no way to Redis')) }).drain()
  const takenAtOnce = async () => {
    const [before] = await connection.db.execute<{ at: string }>(sql`select clock_timestamp()::text as at`)
    const taken = (await takeUnpushed(connection.db, 1_200)).map(({ entry }) => entry.activityId).sort()
    // Held for some seconds, and for this test for an hour: it may be paused meanwhile.
    const those = sql`activity_id = any(${`{${taken.join(',')}}`}::bigint[])`
    expect(await count(sql`fanout_chunks where ${those} and due_at < ${before?.at}::timestamptz + interval '5 seconds'`)).toBe(0)
    await connection.db.execute(sql`update fanout_chunks set due_at = due_at + interval '1 hour' where ${those}`)
    return taken
  }
  expect([await takenAtOnce(), await takenAtOnce()]).toEqual([ids.slice(-3), ids.slice(-6, -3)])
})
