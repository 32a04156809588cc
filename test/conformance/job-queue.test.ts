import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { idsIn } from '../../origin/db/chunks.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { type Cut, type Lane, turnsOf } from '../../origin/db/jobs.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import type { JobQueue } from '../../origin/fanout/job-queue.ts'
import { createFanoutWorker, type FanoutEvent } from '../../origin/fanout/worker.ts'
import { Died, JOB_QUEUES, type QueueSubject } from '../support/job-queues.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

const CHUNK = 3
const RULES = { chunkSize: CHUNK, batch: 4, attempts: 3 }
const OPTIONS = { owed: false, tolerant: true }
let nextId = 2_170_000_000_000_000_000n

describe.each(JOB_QUEUES)('the queue %s', (_, start) => {
  let database: TestDatabase
  let connection: Connection
  let subject: QueueSubject
  let viewers: string[] = []

  // A machine that does other things is slow.
  const PATIENCE_MS = 90_000
  beforeAll(async () => {
    database = await createDatabase(inject('postgresUrl'))
    connection = connect(database.url, { maxConnections: 6, statementTimeoutMs: 30_000, applicationName: 'test' })
    subject = start(connection.db, RULES)
    viewers = await makeUsers(connection.db, 8)
  }, PATIENCE_MS)
  afterAll(async () => {
    await connection?.close()
    await database?.drop()
  })

  /** An author whom these of the viewers follow. */
  async function author(followers: number, lane: Lane = 'small'): Promise<string> {
    const { db } = connection
    const [id = ''] = await makeUsers(db, 1)
    await db.execute(sql`
      insert into push_edges (author_id, viewer_id) select ${id}::bigint, unnest(${`{${viewers.slice(0, followers).join(',')}}`}::bigint[])`)
    await db.execute(sql`update authors set follower_count = ${lane === 'big' ? 1_000_000 : followers} where author_id = ${id}`)
    return id
  }
  async function post(authorId: string): Promise<string> {
    const id = ++nextId
    const { db } = connection
    const turns = await turnsOf(db)
    await db.transaction((tx) => insertActivity(tx, { id, authorId: BigInt(authorId), text: 'x', root: null }, { turns }))
    return String(id)
  }
  async function posts(authorIds: readonly string[]): Promise<string[]> {
    const ids: string[] = []
    for (const id of authorIds) ids.push(await post(id))
    await subject.queued()
    return ids
  }
  /** Cuts until nothing is due; answers what was cut, in order. */
  async function drain(queue: JobQueue): Promise<Cut[]> {
    const cuts: Cut[] = []
    for (let lane: Lane = 'small'; ; lane = lane === 'small' ? 'big' : 'small') {
      const cut = await queue.cutBatch(lane, OPTIONS)
      if (cut.chunks.length === 0) return cuts
      cuts.push(cut)
    }
  }
  const activitiesOf = (cuts: readonly Cut[]) => cuts.flatMap(({ chunks }) => chunks.map(({ entry }) => entry.activityId))
  /** Who has each of these activities. */
  async function rowsOf(activityIds: readonly string[]): Promise<Record<string, string[]>> {
    const rows = await connection.db.execute<{ id: string; viewers: string[] }>(sql`
      select activity_id::text as id, array_agg(viewer_id::text order by viewer_id) as viewers from timeline_entries
      where activity_id = any(${`{${activityIds.join(',')}}`}::bigint[]) group by activity_id`)
    return Object.fromEntries(rows.map((row) => [row.id, row.viewers]))
  }

  test(
    'whoever cuts at the same time, every follower gets every post, and is pushed it',
    async () => {
      const authors = [await author(0), await author(2), await author(CHUNK), await author(7, 'big'), await author(8, 'big')]
      const ids = await posts([...authors, ...authors])
      const cuts = (await Promise.all([subject.queue(), subject.queue(), subject.queue()].map(drain))).flat()
      const expected = (i: number) => viewers.slice(0, [0, 2, CHUNK, 7, 8][i % 5])
      const have = await rowsOf(ids)
      expect(ids.map((id) => have[id] ?? [])).toEqual(ids.map((_, i) => expected(i)))
      const pushed = (id: string) => cuts.flatMap(({ chunks }) => chunks.filter(({ entry }) => entry.activityId === id))
      for (const [i, id] of ids.entries()) {
        expect(
          pushed(id)
            .flatMap((chunk) => idsIn(chunk.viewers))
            .sort(),
        ).toEqual(expected(i))
        expect(pushed(id).filter(({ afterViewer }) => afterViewer === 0n)).toHaveLength(1)
      }
      expect(await drain(subject.queue())).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'who is told that nothing else is due finds nothing, and whoever looks until then finds all',
    async () => {
      const ids = await posts([await author(1), await author(7, 'big'), ...(await Promise.all(Array.from({ length: 6 }, () => author(2))))])
      const queue = subject.queue()
      const cuts: Cut[] = []
      for (let lane: Lane = 'big'; ; lane = lane === 'small' ? 'big' : 'small') {
        const cut = await queue.cutBatch(lane, OPTIONS)
        cuts.push(cut)
        if (cut.drained) break
      }
      for (const lane of ['small', 'big'] as const) expect((await queue.cutBatch(lane, OPTIONS)).chunks).toEqual([])
      expect([...new Set(activitiesOf(cuts))].sort()).toEqual([...ids].sort())
    },
    PATIENCE_MS,
  )

  test(
    'what a worker that dies has begun is done by the next one: nothing is lost, nothing doubled',
    async () => {
      const ids = await posts([await author(4), await author(8, 'big')])
      for (const lane of ['small', 'big', 'big'] as const) {
        await expect(subject.queue({ dies: true }).cutBatch(lane, OPTIONS)).rejects.toThrow(Died)
      }
      await drain(subject.queue())
      const have = await rowsOf(ids)
      expect(ids.map((id) => have[id])).toEqual([viewers.slice(0, 4), viewers])
    },
    PATIENCE_MS,
  )

  test(
    'an author who posts forty times delays nobody else, and is served',
    async () => {
      const [flooder, other] = await authorsApart()
      const flood = await posts(Array(40).fill(flooder))
      const [small = ''] = await posts([other])
      const order = activitiesOf(await drain(subject.queue()))
      expect(order.indexOf(small)).toBeLessThan(3 * RULES.batch)
      expect(order).toEqual(expect.arrayContaining(flood))
    },
    PATIENCE_MS,
  )

  test(
    'jobs of many chunks let each other in between, and small ones too',
    async () => {
      const [first, second] = await authorsApart('big')
      const [one = '', two = ''] = await posts([first, second])
      const [small = ''] = await posts([await author(1)])
      const order = activitiesOf(await drain(subject.queue()))
      expect(order.indexOf(small)).toBeLessThan(3)
      expect(order.indexOf(two)).toBeLessThan(order.lastIndexOf(one))
      expect(order.indexOf(one)).toBeLessThan(order.lastIndexOf(two))
    },
    PATIENCE_MS,
  )

  test(
    'who used an idle lane has taken nothing from anybody: their next post comes before the second of another',
    async () => {
      const [busy, other] = await authorsApart('big')
      for (let i = 0; i < 2; i++) {
        await posts([busy])
        await drain(subject.queue())
      }
      const [, second = '', mine = ''] = await posts([other, other, busy])
      const order = activitiesOf(await drain(subject.queue()))
      expect(order.indexOf(mine)).toBeLessThan(order.indexOf(second))
    },
    PATIENCE_MS,
  )

  /** Two authors whom a log keeps in two partitions. */
  async function authorsApart(lane: Lane = 'small'): Promise<[string, string]> {
    return [await author(8, lane), await author(8, lane)]
  }

  test(
    'a job that cannot be done takes no other with it, dies, and is done when it is replayed',
    async () => {
      const { db } = connection
      const ill = await author(2)
      const well = await Promise.all([1, 2, 3, 4, 5].map((followers) => author(followers)))
      // What this author posts cannot be written.
      await db.execute(sql`alter table timeline_entries add constraint no_ill check (author_id <> ${sql.raw(ill)})`)
      const ids = await posts([...well.slice(0, 2), ill, ...well.slice(2)])
      const [illPost = ''] = ids.splice(2, 1)
      const events: FanoutEvent[] = []
      const delivery = { push: async () => {}, resting: () => false }
      const worker = createFanoutWorker({ db, queue: subject.queue(), delivery, observe: (event) => events.push(event) })
      await worker.drain(AbortSignal.timeout(PATIENCE_MS))
      const have = await rowsOf(ids)
      expect(ids.map((id) => have[id]?.length)).toEqual([1, 2, 3, 4, 5])
      expect(await subject.dead()).toEqual([])
      for (let attempt = 2; attempt <= RULES.attempts; attempt++) {
        await subject.makeDue()
        await worker.drain(AbortSignal.timeout(PATIENCE_MS))
      }
      const failures = events.filter(({ type }) => type === 'job-postponed' || type === 'job-died')
      expect(failures).toMatchObject([
        { type: 'job-postponed', activityId: illPost, attempts: 1 },
        { type: 'job-postponed', activityId: illPost, attempts: 2 },
        { type: 'job-died', activityId: illPost, attempts: 3 },
      ])
      expect(await subject.dead()).toMatchObject([{ activityId: illPost, error: expect.stringContaining('no_ill') }])
      await subject.makeDue()
      expect(await drain(subject.queue())).toEqual([])

      await db.execute(sql`alter table timeline_entries drop constraint no_ill`)
      await subject.replay(illPost)
      await drain(subject.queue())
      expect(await rowsOf([illPost])).toEqual({ [illPost]: viewers.slice(0, 2) })
      expect(await subject.dead()).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'no job dies of a server that is ill, and one that runs into the statement timeout does not keep the others',
    async () => {
      const { db } = connection
      const unlucky = await author(2)
      const [post = ''] = await posts([unlucky])
      const failWith = (code: string) =>
        db.execute(
          sql.raw(`create or replace function fail() returns trigger language plpgsql as
            $$ begin if new.author_id = ${unlucky} then raise 'ill' using errcode = '${code}'; end if; return new; end $$`),
        )
      await failWith('25006')
      await db.execute(sql`create trigger fail before insert on timeline_entries for each row execute function fail()`)
      // It only reads; it has the tables of another version; it waits for a lock.
      for (const code of ['25006', '42703', '42P01', '55P03']) {
        await failWith(code)
        await expect(subject.queue().cutOne('small', { owed: false })).rejects.toMatchObject({ cause: { code } })
      }
      await failWith('57014')
      const events: FanoutEvent[] = []
      const delivery = { push: async () => {}, resting: () => false }
      const worker = createFanoutWorker({ db, queue: subject.queue(), delivery, observe: (event) => events.push(event) })
      const well = await posts([await author(3)])
      for (let attempt = 0; attempt <= RULES.attempts; attempt++) {
        await worker.drain(AbortSignal.timeout(PATIENCE_MS))
        await subject.makeDue()
      }
      expect(Object.values(await rowsOf(well))).toEqual([viewers.slice(0, 3)])
      const postponed = events.filter(({ type }) => type === 'job-postponed')
      expect(postponed).toMatchObject(Array(RULES.attempts + 1).fill({ activityId: post, attempts: 0 }))
      expect(await subject.dead()).toEqual([])
      await db.execute(sql`drop trigger fail on timeline_entries`)
      await drain(subject.queue())
      expect(await rowsOf([post])).toEqual({ [post]: viewers.slice(0, 2) })
    },
    PATIENCE_MS,
  )
})
