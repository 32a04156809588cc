import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { LOCKS } from '../../origin/db/locks.ts'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { eventually } from './eventually.ts'
import { type OriginProcess, startOriginProcess } from './origin-process.ts'
import { makeFollows, makeUsers } from './people.ts'
import { mulberry32 } from './random.ts'
import { scroll } from './scroll.ts'
import { type Client, startStack } from './stack.ts'
import { timelinesInL2 } from './values-in-l2.ts'

const AUTHORS = 8
const READERS = 24
/** Posts between two kills, at most. */
const MOST_POSTS = 3

/** People who follow each other and read, an origin that does not fan out, and processes that do and are killed. */
export async function startKilledFanout(seed: number) {
  const random = mulberry32(seed)
  const stack = await startStack({ origin: { FANOUT_WORKERS: '0' } })
  const ids = await makeUsers(stack.db, AUTHORS + READERS)
  const people = await Promise.all(ids.map((id) => stack.client(id)))
  const authors = people.slice(0, AUTHORS)
  const readers = people.slice(AUTHORS)
  const follows = readers.flatMap((reader) => authors.filter(() => random() < 0.7).map((author) => [reader.id, author.id] as const))
  await makeFollows(stack.db, follows)
  for (const reader of readers) await read(reader) // enrolled, and present in L2

  /** Posts, lets everybody read, and kills a process somewhere between the notification of the last post and the note that its chunk was pushed. */
  async function killWhileItWorks(working: OriginProcess): Promise<void> {
    const posts = 1 + Math.floor(random() * MOST_POSTS)
    await growOld()
    // Fills race the pushes, and keep timelines present.
    const reading = Promise.all(readers.map(read))
    for (let i = 0; i < posts; i++) await post(authors[Math.floor(random() * AUTHORS)])
    for (let turns = Math.floor(random() * 8); turns > 0; turns--) await new Promise(setImmediate)
    await working.kill()
    expect(working.process.signalCode).toBe('SIGKILL')
    await reading
  }

  /**
   * What was pushed by now was pushed long ago. Every start, and every process that is found dead, replays the last minute; doubles count in a timeline's tail, and a tail
   * beyond 128 drops the timeline: on a machine that is slow enough to find the first dead before all are killed, L2 would be empty, and nothing left to compare.
   */
  const growOld = () =>
    stack.db.transaction(async (tx) => {
      await tx.execute(sql`select pg_advisory_xact_lock(${LOCKS.recovery})`)
      await tx.execute(
        sql`update fanout_chunks set pushed_at = pushed_at - interval '10 minutes' where pushed_at > now() - interval '5 minutes'`,
      )
    })

  /** All that is to be done is done, by those who live. */
  const settled = () =>
    eventually(async () => {
      const [left] = await stack.db.execute<{ count: number }>(sql`
        select ((select count(*) from fanout_jobs) + (select count(*) from fanout_chunks where pushed_at is null))::int as count`)
      expect(left?.count).toBe(0)
    }, 120_000)

  /** Every follower has every post once: in their rows, in L2 where they are there, and in what they read. */
  async function compare(): Promise<{ readonly entries: number; readonly present: number }> {
    const [rows] = await stack.db.execute<{ expected: number; found: number; lost: number; foreign: number }>(sql`
      with expected as (select follower_id as viewer_id, p.id as activity_id from follows f join posts p on p.author_id = f.followee_id)
      select (select count(*) from expected)::int as expected, (select count(*)::int from timeline_entries) as found,
        (select count(*)::int from (select * from expected except all select viewer_id, activity_id from timeline_entries) l) as lost,
        (select count(*)::int from (select viewer_id, activity_id from timeline_entries except all select * from expected) f) as foreign`)
    expect(rows, `seed ${seed}`).toEqual({ expected: rows?.expected, found: rows?.expected, lost: 0, foreign: 0 })
    const delivered = await stack.db.execute<{ activities: string[] }>(sql`
      select array_agg(activity_id::text order by activity_id desc) as activities from timeline_entries group by viewer_id order by viewer_id`)
    const readerIds = readers.map((reader) => reader.id)
    const cached = await timelinesInL2(stack, readerIds)
    for (const [i, timeline] of cached.entries()) if (timeline) expect(timeline, `seed ${seed}`).toEqual(delivered[i]?.activities)
    for (const reader of readers) {
      const expected = await oracleFeed(stack.db, reader.id)
      await eventually(async () => expect(await scroll(reader, 100), `seed ${seed}`).toEqual(expected), 20_000)
    }
    return { entries: rows?.expected ?? 0, present: cached.filter(Boolean).length }
  }

  return {
    stack,
    random,
    readers,
    authors,
    start: (environment: Readonly<Record<string, string>> = {}) =>
      startOriginProcess({ ...stack.environment, FANOUT_WORKERS: '2', ...environment }),
    killWhileItWorks,
    settled,
    compare,
  }
}
export type KilledFanout = Awaited<ReturnType<typeof startKilledFanout>>

/** A machine that starts processes all the time may answer 503 once. */
const read = (reader: Client): Promise<void> =>
  eventually(async () => {
    const response = await reader.fetch('/v1/feed/following?limit=1')
    await response.arrayBuffer()
    expect(response.status).toBe(200)
  }, 30_000)

/** One post of theirs, acknowledged. */
export async function post(author: Client | undefined): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await author?.fetch('/v1/posts', { method: 'POST', headers, body: '{"text":"a post"}' })
  expect(response?.status).toBe(201)
}
