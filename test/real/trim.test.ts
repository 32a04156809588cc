import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import type { Cut } from '../../origin/db/jobs.ts'
import { trimTimelines } from '../../origin/db/timelines.ts'
import { findViewers } from '../../origin/db/viewers.ts'
import { createFanoutWorker } from '../../origin/fanout/worker.ts'
import { eventually } from '../support/eventually.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection
let db: Database

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 10_000, applicationName: 'test' })
  db = connection.db
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

/** What comes, in this order: entries by their ids, however old, and trims. */
const anyStory = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 }) },
    { weight: 1, arbitrary: fc.constant('trim' as const) },
  ),
  { minLength: 1, maxLength: 8 },
)

async function insert(viewerId: string, ids: readonly number[]): Promise<void> {
  const rows = ids.map((id) => sql`(${viewerId}::bigint, ${id}::bigint, 1::bigint)`)
  await db.execute(
    sql`insert into timeline_entries (viewer_id, activity_id, author_id) values ${sql.join(rows, sql`, `)} on conflict do nothing`,
  )
}
async function timelineOf(viewerId: string): Promise<{ readonly ids: number[]; readonly completeSince: number }> {
  const [viewer] = await findViewers(db, [viewerId])
  const rows = await db.execute<{ id: bigint }>(sql`
    select activity_id as id from timeline_entries where viewer_id = ${viewerId} order by activity_id desc`)
  return { ids: rows.map(({ id }) => Number(id)), completeSince: Number(viewer?.completeSince) }
}

/** Does what a story tells to a timeline of a new viewer, and looks at it after each step. */
async function tell(story: readonly (readonly number[] | 'trim')[], cap: number, trim: typeof trimTimelines): Promise<void> {
  const [viewerId = '', other = ''] = await makeUsers(db, 2)
  await insert(
    other,
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  const came = new Set<number>()
  let before = 0
  for (const step of story) {
    if (step === 'trim') await trim(db, [viewerId], cap)
    else {
      await insert(viewerId, step)
      for (const id of step) came.add(id)
    }
    const { ids, completeSince } = await timelineOf(viewerId)
    const newestFirst = [...came].sort((a, b) => b - a)
    expect(ids.slice(0, cap), 'the newest are there').toEqual(newestFirst.slice(0, cap))
    const above = (all: readonly number[]) => all.filter((id) => id > completeSince)
    expect(above(ids), 'what is called complete has no hole').toEqual(above(newestFirst))
    expect(completeSince).toBeGreaterThanOrEqual(before)
    if (step === 'trim') expect(ids.length).toBeLessThanOrEqual(cap)
    before = completeSince
  }
  expect((await timelineOf(other)).ids).toHaveLength(40)
}

const promised = (trim: typeof trimTimelines) =>
  fc.asyncProperty(anyStory, fc.integer({ min: 1, max: 20 }), (story, cap) => tell(story, cap, trim))

test('however late an entry comes, a trim evicts none that is newer, and says from where on the rows are whole', () =>
  fc.assert(promised(trimTimelines), { numRuns: 15 }))

test('a trim that does not say so, or that lets the last that came evict, is found out', async () => {
  const silent: typeof trimTimelines = async (queryable, [viewerId = ''], cap) => {
    await queryable.execute(sql`
      delete from timeline_entries where viewer_id = ${viewerId} and activity_id <= (
        select activity_id from timeline_entries where viewer_id = ${viewerId} order by activity_id desc offset ${cap} limit 1)`)
  }
  const byArrival: typeof trimTimelines = async (queryable, [viewerId = ''], cap) => {
    await queryable.execute(sql`
      delete from timeline_entries where viewer_id = ${viewerId} and ctid not in (
        select ctid from timeline_entries where viewer_id = ${viewerId} order by ctid desc limit ${cap})`)
  }
  const story = [[100, 101, 102, 103], [5], 'trim', [50]] as const
  await tell(story, 3, trimTimelines)
  await expect(tell(story, 3, silent)).rejects.toThrow('no hole')
  await expect(tell(story, 3, byArrival)).rejects.toThrow('the newest are there')
})

test('a worker trims whom its cuts name, some dozens together, and waits for none of it', async () => {
  const viewers = await makeUsers(db, 40)
  const [long = '', ...others] = viewers
  await insert(
    long,
    Array.from({ length: 810 }, (_, i) => i + 1),
  )
  const cutOf = (trim: readonly string[], drained: boolean): Cut => {
    const entry = { activityId: '1', actorId: '1', audience: 'public' } as const
    return { chunks: [{ entry, afterViewer: 0n, viewers: '' }], unfinished: new Map(), trim, drained }
  }
  const cuts = [cutOf([long], false), cutOf(others.slice(0, 20), false), cutOf(others.slice(20), true)]
  const cutBatch = async () => cuts.shift() ?? cutOf([], true)
  const errors: unknown[] = []
  const worker = createFanoutWorker({
    db,
    queue: { cutBatch, cutOne: cutBatch },
    delivery: { push: async () => {}, resting: () => false },
    observe: (event) => void ('error' in event && errors.push(event.error)),
  })
  await db.transaction(async (tx) => {
    await tx.execute(sql`select 1 from viewers where viewer_id = ${long} for update`) // as a rebuild may for long
    await worker.drain(new AbortController().signal)
    expect(cuts).toEqual([])
  })
  await eventually(async () => expect((await timelineOf(long)).ids).toHaveLength(800))
  expect(errors).toEqual([])
})
