import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { eventually } from '../support/eventually.ts'
import { timelinesInL2 } from '../support/l2-timelines.ts'
import { startOriginProcess } from '../support/origin-process.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { mulberry32 } from '../support/random.ts'
import { scroll } from '../support/scroll.ts'
import { type Client, type Stack, startStack } from '../support/stack.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const random = mulberry32(SEED)
const KILLS = 20
const AUTHORS = 8
const READERS = 24
/**
 * Posts between two kills, at most. Every start replays the last minute, doubles count in a timeline's tail, and a tail beyond 128 drops
 * the timeline: with more posts the last starts alone could empty L2, and there would be nothing left to compare.
 */
const MOST_POSTS = 3

let stack: Stack
let authors: Client[] = []
let readers: Client[] = []

beforeAll(async () => {
  stack = await startStack({ origin: { FANOUT_WORKERS: '0' } })
  const ids = await makeUsers(stack.db, AUTHORS + READERS)
  const people = await Promise.all(ids.map((id) => stack.client(id)))
  authors = people.slice(0, AUTHORS)
  readers = people.slice(AUTHORS)
  const follows = readers.flatMap((reader) => authors.filter(() => random() < 0.7).map((author) => [reader.id, author.id] as const))
  await makeFollows(stack.db, follows)
  for (const reader of readers) await read(reader) // enrolled, and present in L2
}, 60_000)
afterAll(() => stack?.stop())

async function read(reader: Client): Promise<void> {
  const response = await reader.fetch('/v1/feed/following?limit=1')
  expect(response.status).toBe(200)
  await response.arrayBuffer()
}
async function post(): Promise<void> {
  const author = authors[Math.floor(random() * AUTHORS)]
  const headers = { 'content-type': 'application/json' }
  const response = await author?.fetch('/v1/posts', { method: 'POST', headers, body: '{"text":"a post"}' })
  expect(response?.status).toBe(201)
}

test(`fan-out that is killed ${KILLS} times in the midst of its work loses nothing and doubles nothing`, async () => {
  const start = () => startOriginProcess({ ...stack.environment, FANOUT_WORKERS: '2' })
  // While one process works and dies, the next two are starting.
  const starting = [start(), start()]
  for (let kill = 0; kill < KILLS; kill++) {
    const working = await starting.shift()
    starting.push(start())
    const posts = 1 + Math.floor(random() * MOST_POSTS)
    // Everybody reads meanwhile: fills race the pushes, and keep timelines present.
    const reading = Promise.all(readers.map(read))
    for (let i = 0; i < posts; i++) await post()
    // Somewhere between the notification of the last post and the note that its chunk was pushed.
    for (let turns = Math.floor(random() * 8); turns > 0; turns--) await new Promise(setImmediate)
    await working?.kill()
    expect(working?.process.signalCode).toBe('SIGKILL')
    await reading
  }
  const survivors = await Promise.all(starting)
  await eventually(async () => {
    const [left] = await stack.db.execute<{ count: number }>(sql`
      select ((select count(*) from fanout_jobs) + (select count(*) from fanout_chunks where pushed_at is null))::int as count`)
    expect(left?.count).toBe(0)
  }, 60_000)

  const [rows] = await stack.db.execute<{ expected: number; found: number; lost: number; foreign: number }>(sql`
    with expected as (select follower_id as viewer_id, p.id as activity_id from follows f join posts p on p.author_id = f.followee_id)
    select (select count(*)::int from expected) as expected, (select count(*)::int from timeline_entries) as found,
      (select count(*)::int from (select * from expected except all select viewer_id, activity_id from timeline_entries) l) as lost,
      (select count(*)::int from (select viewer_id, activity_id from timeline_entries except all select * from expected) f) as foreign`)
  expect(rows, `seed ${SEED}`).toEqual({ expected: rows?.expected, found: rows?.expected, lost: 0, foreign: 0 })
  expect(rows?.expected).toBeGreaterThan(KILLS)
  const ids = readers.map((reader) => reader.id)
  const delivered = await stack.db.execute<{ activities: string[] }>(sql`
    select array_agg(activity_id::text order by activity_id desc) as activities from timeline_entries group by viewer_id order by viewer_id`)
  const cached = await timelinesInL2(stack, ids)
  expect(cached.filter(Boolean).length).toBeGreaterThan(READERS / 2)
  for (const [i, timeline] of cached.entries()) if (timeline) expect(timeline, `seed ${SEED}`).toEqual(delivered[i]?.activities)
  for (const reader of readers) {
    const expected = await oracleFeed(stack.db, reader.id)
    await eventually(async () => expect(await scroll(reader, 100), `seed ${SEED}`).toEqual(expected), 20_000)
  }
  await Promise.all(survivors.map((survivor) => survivor.kill()))
}, 240_000)
