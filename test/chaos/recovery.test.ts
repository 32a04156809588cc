import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { decodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { claimMachine } from '../../origin/db/machines.ts'
import { prune } from '../../origin/db/recovery.ts'
import { loadKeys } from '../../origin/timelines/load.ts'
import { eventually } from '../support/eventually.ts'
import { holdCommits } from '../support/held-commits.ts'
import { type L2, startL2 } from '../support/l2.ts'
import { startWriter, type Writer } from '../support/l2-writer.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection
let l2: L2
let people: { readonly author: string; readonly reader: string }
let machines = 0

beforeAll(async () => {
  ;[database, l2] = await Promise.all([createDatabase(inject('postgresUrl')), startL2()])
  connection = connect(database.url, { maxConnections: 6, statementTimeoutMs: 60_000, applicationName: 'test' })
})
afterAll(async () => {
  await connection?.close()
  await Promise.all([database?.drop(), l2?.stop()])
})
beforeEach(async () => {
  const [author = '', reader = ''] = await makeUsers(connection.db, 2)
  await makeFollows(connection.db, [[reader, author]])
  people = { author, reader }
})
afterEach(() => connection.db.execute(sql`truncate fanout_chunks, invalidations, beats`))

const startPart = (recovers = true): Writer =>
  startWriter({ db: connection.db, l2, machineId: ++machines, authorId: people.author, recovers })

/** Fills a key as a worker does. */
async function fill(key: string): Promise<void> {
  const say = l2.speak()
  const loader = ++machines
  expect((await say.lease(key, loader)).state).toBe('granted')
  const [loaded] = await loadKeys(connection.db, [key])
  expect(await say.fillText(key, loader, { truth: loaded?.truth ?? 0, payload: loaded?.payload ?? null })).toBeDefined()
}
const timeline = async () => {
  const payload = (await l2.read(keyOf.timeline(people.reader)))?.payload
  return payload && decodeList(payload, 800)?.entries.map(({ activityId }) => activityId)
}
const body = async (id: string) => (await l2.read(keyOf.post(id, 'public')))?.payload

/** Redis saves, is written to, and restarts from what it saved. Answers what is lost by that: a post that came and one that went. */
async function loseWrites(part: Writer, ...beating: readonly Writer[]): Promise<{ came: string; went: string }> {
  const went = await part.post()
  await fill(keyOf.timeline(people.reader))
  await fill(keyOf.post(went, 'public'))
  await part.heartbeat.beat()
  await l2.redis.save()
  const came = await part.post()
  await part.remove(went)
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
  for (const other of beating) await other.heartbeat.beat()
  await restart()
  expect(await timeline()).toEqual([went])
  expect(await body(went)).toContain('a post')
  return { came, went }
}
async function restart(): Promise<void> {
  await l2.redis.restart()
  await eventually(() => l2.client.ping())
}

test('a Redis that restarts from an old snapshot betrays itself with the next beat, and gets back what it lost', async () => {
  const part = startPart()
  const { came, went } = await loseWrites(part)
  await part.heartbeat.beat()
  expect(part.losses.length).toBe(1)
  await part.pay()
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
  await part.heartbeat.beat()
  expect(part.losses.length).toBe(1)
})

test('without the replay the post is lost and the deleted one stays back', async () => {
  const part = startPart(false)
  const { went } = await loseWrites(part)
  await part.heartbeat.beat()
  await part.pay()
  await part.post()
  await part.pay()
  expect((await timeline())?.length).toBe(2) // of three
  expect(await body(went)).toContain('a post')
})

test('whoever finds the loss replays what everybody wrote', async () => {
  const [dead, alive] = [startPart(), startPart()]
  await alive.heartbeat.beat()
  const { came, went } = await loseWrites(dead, alive)
  await alive.heartbeat.beat()
  expect(alive.losses.length).toBe(1)
  await alive.pay()
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
})

test('a process that dies together with its writes has its last minute replayed when its lease runs out', async () => {
  const [dead, alive] = [startPart(), startPart()]
  await alive.heartbeat.beat()
  const { came, went } = await loseWrites(dead)
  await alive.heartbeat.beat() // nothing of its own was lost
  await alive.pay()
  expect(alive.losses).toEqual([])
  expect(await timeline()).toEqual([went])
  await claimMachine(connection.db, randomUUID(), -3_000)
  await alive.heartbeat.beat()
  await alive.pay()
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
  await alive.heartbeat.beat()
  const [again] = await connection.db.execute<{ owed: number }>(
    sql`select count(*)::int as owed from fanout_chunks where pushed_at is null`,
  )
  expect(again?.owed).toBe(0) // buried once
})

test('a call that was in the air while Redis lost another one does not hide the loss by taking its count', async () => {
  const part = startPart()
  await part.heartbeat.beat()
  await fill(keyOf.timeline(people.reader))
  await l2.redis.save()
  const held = Promise.withResolvers<void>()
  const slow = part.heartbeat.watch(async (machineId) => {
    await held.promise
    return part.port.invalidate([], machineId)
  })
  const came = await part.post()
  await restart()
  expect(await timeline()).toEqual([])
  held.resolve()
  await slow
  expect(part.losses.length).toBe(1)
  await part.pay()
  expect(await timeline()).toEqual([came])
})

test('after a night without any process the minute before the last sign of life is replayed', async () => {
  const dead = startPart()
  const { came, went } = await loseWrites(dead) // Redis remembers all that was noted
  for (const [table, column] of [
    ['beats', 'at'],
    ['fanout_chunks', 'pushed_at'],
    ['invalidations', 'done_at'],
  ])
    await connection.db.execute(sql.raw(`update ${table} set ${column} = ${column} - interval '8 hours'`))
  const next = startPart()
  await next.heartbeat.recoverAtStart()
  expect(next.losses).toEqual([])
  await next.pay()
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
})

test('a process that has just started sees what Redis loses before its first second is over', async () => {
  await l2.redis.save()
  const next = startPart()
  await next.heartbeat.recoverAtStart()
  await restart()
  await next.heartbeat.beat()
  expect(next.losses).toEqual(['emptied'])
})

test('a process that ends hands over what it wrote last: its count is looked at by nobody afterwards', async () => {
  const [leaving, alive] = [startPart(), startPart()]
  await fill(keyOf.timeline(people.reader))
  for (const part of [leaving, alive]) await part.heartbeat.beat()
  await l2.redis.save()
  const came = await leaving.post()
  await leaving.heartbeat.handOver()
  await restart()
  await alive.heartbeat.beat()
  expect(alive.losses).toEqual([])
  expect(await timeline()).toEqual([])
  await alive.pay()
  expect(await timeline()).toEqual([came])
})

test('a process that starts finds what Redis has forgotten of the dead, once', async () => {
  const dead = startPart()
  const { came, went } = await loseWrites(dead)
  // Longer ago than what every start replays.
  await connection.db.execute(sql`update beats set at = at - interval '10 minutes'`)
  await connection.db.execute(sql`insert into beats (machine_id, beat) values (${dead.machineId}, 1000)`)
  await connection.db.execute(sql`update fanout_chunks set pushed_at = pushed_at - interval '5 minutes'`)
  await connection.db.execute(sql`update invalidations set done_at = done_at - interval '5 minutes'`)
  const next = startPart()
  await next.heartbeat.recoverAtStart()
  expect(next.losses.length).toBe(1)
  await next.pay()
  expect(await timeline()).toEqual([came, went])
  expect(await body(went)).toBe('x')
  const third = startPart()
  await third.heartbeat.recoverAtStart()
  expect(third.losses).toEqual([])
})

test('what was lost longer ago than writes are kept for a replay is emptied, by the first process that starts and once', async () => {
  const dead = startPart()
  await loseWrites(dead)
  // A long silence: every process was down meanwhile.
  await connection.db.execute(sql`update beats set at = at - interval '3 hours'`)
  await connection.db.execute(
    sql`insert into beats (machine_id, beat, at) values (${dead.machineId}, 1000, now() - interval '3 hours' + interval '1 second')`,
  )
  await connection.db.execute(sql`truncate fanout_chunks, invalidations`)
  await prune(connection.db)
  for (const losses of [['emptied'], []]) {
    const next = startPart()
    await next.heartbeat.recoverAtStart()
    expect(next.losses).toEqual(losses)
  }
  expect(await timeline()).toBeUndefined()
})

test('what Redis acknowledged and forgot before Postgres had noted it is pushed again', async () => {
  const part = startPart()
  await part.post()
  await fill(keyOf.timeline(people.reader))
  await part.heartbeat.beat()
  await l2.redis.save()
  const late = await part.post({ fanOut: false })
  const held = await holdCommits(database.url, 'update on fanout_chunks', 'new.pushed_at is not null')
  const draining = part.drain()
  await held.waiting()
  expect(await timeline()).toContain(late)

  await restart()
  expect(await timeline()).not.toContain(late)
  await part.heartbeat.beat()
  expect(part.losses.length).toBe(1)
  await held.release()
  await draining

  await part.pay()
  expect(await timeline()).toContain(late)
})

test('a flush is found, needs no repair, and is found only once by each process', async () => {
  const parts = [startPart(), startPart()]
  for (const part of parts) for (let beat = 0; beat < 3; beat++) await part.heartbeat.beat()
  await l2.redis.flush()
  for (let beat = 0; beat < 3; beat++) for (const part of parts) await part.heartbeat.beat()
  expect(parts.map((part) => part.losses)).toEqual([['emptied'], ['emptied']])
  const [one] = parts
  await one?.post()
  await fill(keyOf.timeline(people.reader))
  for (const part of parts) await part.heartbeat.beat()
  expect((await timeline())?.length).toBe(1)
})
