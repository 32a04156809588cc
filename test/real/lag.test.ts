import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { pageSchema } from '../../contract/post.ts'
import { parseConfig } from '../../origin/config.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import { oracleFeed } from '../../origin/db/oracle.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { readEdgeShares } from '../../origin/db/savings.ts'
import { putSetting, readInForce } from '../../origin/db/settings.ts'
import { createTuning, type TuningEvent } from '../../origin/tuning.ts'
import { runDevCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { callerOf } from '../support/origin-caller.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { type Stack, startStack } from '../support/stack.ts'

const ENVIRONMENT = { CROWD_THRESHOLD: '8', CROWD_FLOOR: '4', BIG_LANE_FOLLOWERS: '2' }

let stack: Stack
let database: TestDatabase
let connection: Connection
let db: Database

beforeAll(async () => {
  ;[stack, database] = await Promise.all([startStack({ origin: ENVIRONMENT }), createDatabase(inject('postgresUrl'))])
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'test' })
  db = connection.db
}, 180_000)
afterAll(async () => {
  await stack?.stop()
  await connection?.close()
  await database?.drop()
})

const tune = (...args: string[]) => runDevCommand('tune', args, { DATABASE_URL: stack.databaseUrl })
const sets = (settings: Readonly<Record<string, number>>) =>
  Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
/** Waits until the origin goes by these. */
const taken = (settings: Readonly<Record<string, number>>) =>
  eventually(async () => {
    const noted = Object.entries((await readInForce(stack.db))?.settings ?? {}).map(([name, { value }]) => [name, value])
    expect(Object.fromEntries(noted)).toMatchObject(settings)
  }, 60_000)

test('fan-out that lags lets the crowd threshold fall: a mid-size author is announced, then pulled, and no reader misses a post; it returns', async () => {
  const [author = '', ...fans] = await makeUsers(stack.db, 5)
  await makeFollows(
    stack.db,
    fans.map((fan) => [fan, author] as const),
  )
  const [writer, reader] = await Promise.all([stack.client(author), stack.client(fans[0] ?? '')])
  const post = async (): Promise<string> => {
    const headers = { 'content-type': 'application/json' }
    const response = await writer.fetch('/v1/posts', { method: 'POST', headers, body: JSON.stringify({ text: 'x' }) })
    expect(response.status).toBe(201)
    return ((await response.json()) as { id: string }).id
  }
  const feed = async () => {
    const response = await reader.fetch('/v1/feed/following?limit=50')
    return pageSchema.parse(await response.json()).posts.map(({ activity_id }) => activity_id)
  }
  const rowsOf = async (id: string) => (await stack.db.execute(sql`select 1 from timeline_entries where activity_id = ${id}`)).length
  const authorIs = async (route: string) => {
    const [row] = await stack.db.execute(
      sql`select route, candidate_since is not null as candidate from authors where author_id = ${author}`,
    )
    expect(row).toEqual({ route, candidate: true })
  }
  const moves = () => stack.events.flatMap((event) => (event.type === 'crowd-threshold' ? [[event.was, event.threshold]] : []))
  const rules = { LAG_HIGH_MS: 1_000, LAG_LOW_MS: 800, LAG_STEP_MS: 200, LAG_CALM_MS: 200 }
  expect((await tune(...sets(rules))).code).toBe(0)
  await taken(rules)

  await eventually(() => authorIs('push'), 60_000)
  await feed()
  const posted = [await post()]
  await eventually(async () => expect(await feed()).toEqual(posted), 60_000)
  await eventually(async () => expect(await rowsOf(posted[0] ?? '')).toBe(1), 60_000)

  // A post whose fan-out nobody can take up. It is one of the many that wait where workers are too slow.
  const late = String(BigInt(posted[0] ?? '') + 1n)
  await stack.db.execute(sql`insert into posts (id, author_id, text, mode) values (${late}, ${author}, 'late', 'push')`)
  await stack.db.execute(sql`
    insert into fanout_jobs (activity_id, author_id, mode, lane, queued_at, run_at)
    values (${late}, ${author}, 'push', 1, now() - interval '1 minute', now() + interval '1 hour')`)
  const held = postgres(stack.databaseUrl, { max: 1 })
  await held`begin`
  // Workers pass over it, and whoever does not touch its key may still change it: it is due, and has not failed.
  await held`select from fanout_jobs where activity_id = ${late} for key share`
  await stack.db.execute(sql`update fanout_jobs set run_at = queued_at`)
  await eventually(() => expect(moves().at(-1)).toEqual([8, 4]), 60_000)
  await eventually(() => authorIs('pull'), 60_000)
  posted.push(await post())
  await eventually(async () => expect(await feed()).toContain(posted[1]), 60_000)
  expect(await rowsOf(posted[1] ?? '')).toBe(0)

  await held.end() // with it the lock
  const expected = (await oracleFeed(stack.db, reader.id)).map(([id]) => id)
  expect(expected).toHaveLength(3)
  await eventually(async () => expect(await feed()).toEqual(expected), 60_000)
  await eventually(() => expect(moves().at(-1)).toEqual([4, 8]), 60_000)
  await authorIs('pull') // for a day
}, 240_000)

test('how fan-out stands is told by a signed route and by a command, with what the windows save', async () => {
  const call = callerOf(stack)
  const response = await call('GET', '/internal/fanout')
  const status = await response.json()
  expect(status).toMatchObject({
    lanes: [{ lane: 'small' }, { lane: 'big', queued: 0, delivered: expect.any(Number) }],
    inForce: { crowdThreshold: 8, settings: { LAG_HIGH_MS: { value: 1_000, from: 'tuned', configured: 10_000 } } },
    authors: { pulled: 1 },
    edges: { edges: 4, dormant: 0.75, pulled: 0.25, pushed: 0, exact: true },
  })
  expect((await fetch(`${stack.originUrl()}/internal/fanout`)).status).toBe(401)
  const told = await runDevCommand('fanout-status', ['--exact'], { DATABASE_URL: stack.databaseUrl })
  expect(told).toMatchObject({ code: 0, output: expect.stringMatching(/of 4 follow edges .*saved: the follower is dormant +75\.0 %/s) })
})

test('npm run tune refuses with one line what it cannot do and changes nothing then; what it changes, the next post goes by', async () => {
  const [author = '', ...fans] = await makeUsers(stack.db, 4)
  await makeFollows(
    stack.db,
    fans.map((fan) => [fan, author] as const),
  )
  const post = callerOf(stack, author)
  const laneOfNext = async () => {
    const { id } = (await (await post('POST', '/v1/posts', { text: 'x' })).json()) as { id: string }
    return eventually(async () => {
      const [chunk] = await stack.db.execute(sql`select lane from fanout_chunks where activity_id = ${id}`)
      if (!chunk) throw new Error('not fanned out yet')
      return chunk.lane
    }, 60_000)
  }
  expect(await laneOfNext()).toBe(1)
  const wrong = [
    ['--set', 'CROWD_TRESHOLD=1'],
    ['--set', 'LAG_HIGH_MS=soon'],
    ['--set', 'CROWD_FLOOR=9'],
  ]
  for (const answer of await Promise.all(wrong.map((args) => tune(...args)))) {
    expect(answer).toEqual({ code: 2, output: expect.stringMatching(/^[^\n]+\n$/) })
  }
  const reset = await tune('--reset', 'LAG_HIGH_MS', '--set', 'BIG_LANE_FOLLOWERS=7', '--json')
  expect(JSON.parse(reset.output)).toMatchObject({
    thresholds: { LAG_HIGH_MS: 10_000, LAG_LOW_MS: 800, BIG_LANE_FOLLOWERS: 7, CROWD_FLOOR: 4 },
  })
  await taken({ BIG_LANE_FOLLOWERS: 7 })
  expect(await laneOfNext()).toBe(0)
})

/** A process that steps the tiers of the other database, told to and not by the clock. */
function process(env: Readonly<Record<string, string>> = {}) {
  const events: TuningEvent[] = []
  const config = parseConfig({
    ...stack.environment,
    CROWD_THRESHOLD: '100',
    CROWD_FLOOR: '20',
    ANNOUNCE_MS: '1',
    TIMELINE_LIFE_MS: '1',
    ...env,
  })
  const tuning = createTuning({ db, config, settle: async () => {}, observe: (event) => events.push(event) })
  return { events, tuning }
}
/** Authors of 32, 34, ... 90 followers who have long been candidates, a job that waits, and no past. */
async function overloaded() {
  await db.execute(sql`truncate authors, fanout_jobs, settings`)
  await db.execute(
    sql`update crowd_threshold set share = 1, judged_at = '-infinity', judged_lag_ms = 0, calm_since = null, in_force = null`,
  )
  for (const [i, id] of (await makeUsers(db, 30)).entries()) {
    const past = sql`follower_count = ${32 + 2 * i}, candidate_since = now() - interval '1 day'`
    await db.execute(sql`update authors set ${past} where author_id = ${id}`)
  }
  await db.execute(sql`
    insert into fanout_jobs (activity_id, author_id, mode, lane, queued_at, run_at)
    select 1, 1, 'push', 1, hour_ago, hour_ago from (select now() - interval '1 hour' as hour_ago) t`)
}
const passStep = () =>
  db.execute(sql`update crowd_threshold set judged_at = judged_at - interval '1 hour', calm_since = calm_since - interval '1 hour'`)
const crowdSize = async () => (await db.execute(sql`select 1 from authors where route <> 'push'`)).length

test('lag never lets the threshold fall below the floor, nor brings more authors into the crowd than reads can bear', async () => {
  await overloaded()
  const bounded = process({ MAX_CROWD_AUTHORS: '12' })
  for (let i = 0; i < 6; i++) {
    await bounded.tuning.stepTiers()
    await passStep()
  }
  expect(await crowdSize()).toBe(12)
  expect(await readInForce(db)).toMatchObject({ why: 'lag has lowered it, and MAX_CROWD_AUTHORS lets it fall no further' })

  await overloaded()
  const unbounded = process({ CROWD_FLOOR: '40' })
  for (let i = 0; i < 6; i++) {
    await unbounded.tuning.stepTiers()
    await passStep()
  }
  expect((await readInForce(db))?.crowdThreshold).toBe(40)
  expect(await crowdSize()).toBe(26) // the twin: twice as many
})

test('where more authors have followers enough than there may be in the crowd, the threshold is higher than it is set', async () => {
  const sized = async (max: string) => {
    await overloaded()
    await db.execute(sql`truncate fanout_jobs`)
    const { tuning } = process({ CROWD_THRESHOLD: '40', MAX_CROWD_AUTHORS: max })
    for (let i = 0; i < 3; i++) await tuning.stepTiers()
    const [least] = await db.execute(sql`select min(follower_count) as followers from authors where route <> 'push'`)
    return { inCrowd: await crowdSize(), least: least?.followers, why: (await readInForce(db))?.why }
  }
  const why = 'higher than it is set: MAX_CROWD_AUTHORS lets no more authors in'
  expect(await sized('12')).toEqual({ inCrowd: 12, least: 68, why })
  expect(await sized('1000')).toEqual({ inCrowd: 26, least: 40, why: 'as it is set' })
})

test('lag that stays takes half, once in a while, and of two processes one takes it; jobs that failed are no lag', async () => {
  await overloaded()
  const unhurried = { LAG_HIGH_MS: '600000', LAG_STEP_MS: '600000' } // no pause of this machine is as long
  const [one, other] = [process(unhurried), process(unhurried)]
  const threeSteps = async () => {
    for (let i = 0; i < 3; i++) await Promise.all([one.tuning.stepTiers(), other.tuning.stepTiers()])
    return [...one.events, ...other.events].filter(({ type }) => type === 'crowd-threshold')
  }
  expect(await threeSteps()).toEqual([]) // they look whether it shrinks
  await passStep()
  expect(await threeSteps()).toEqual([
    { type: 'crowd-threshold', threshold: 50, was: 100, why: expect.stringMatching(/waits 36\d\d\.\d s/) },
  ])
  await overloaded()
  // It failed once: a chunk that was done since is no reason to count from when it was queued.
  await db.execute(sql`update fanout_jobs set run_at = now(), attempts = 0`)
  for (let i = 0; i < 2; i++) {
    await one.tuning.stepTiers()
    await passStep()
  }
  expect((await readInForce(db))?.crowdThreshold).toBe(100)
})

test('a setting that does not parse is told once, and stops nothing; one that does takes effect at the next step, on the lane of a post too', async () => {
  await db.execute(sql`truncate fanout_jobs, settings`)
  const { events, tuning } = process()
  await putSetting(db, 'CROWD_THRESHOLD', 'a lot')
  await putSetting(db, 'BIG_LANE_FOLLOWERS', '5')
  for (let i = 0; i < 2; i++) await tuning.stepTiers()
  expect(events).toEqual([
    { type: 'setting-changed', name: 'BIG_LANE_FOLLOWERS', value: 5, from: 'tuned' },
    { type: 'setting-refused', name: 'CROWD_THRESHOLD', error: expect.stringContaining('number') },
  ])
  const [author = ''] = await makeUsers(db, 1)
  const lanes: unknown[] = []
  for (const [id, followers] of [
    [2_110_000_000_000_000_001n, 5],
    [2_110_000_000_000_000_002n, 6],
  ] as const) {
    await db.execute(sql`update authors set follower_count = ${followers} where author_id = ${author}`)
    await db.transaction((tx) =>
      insertActivity(
        tx,
        { id, authorId: BigInt(author), text: 'x', root: null },
        { bigLaneFollowers: tuning.thresholds.BIG_LANE_FOLLOWERS },
      ),
    )
    lanes.push((await db.execute(sql`select lane from fanout_jobs where activity_id = ${id}`))[0]?.lane)
  }
  expect(lanes).toEqual([0, 1])
})

test('every follow edge is counted once: as saved by one window, or as pushed', async () => {
  await db.execute(sql`truncate follows, push_edges`)
  const people = await makeUsers(db, 8)
  const [pulled = '', hot = '', small = '', ...fans] = people
  const follows = [pulled, hot, small].flatMap((author) => fans.map((fan) => [fan, author] as const))
  await makeFollows(db, follows)
  await db.execute(sql`update authors set route = 'pull', candidate_since = now(), hot = true where author_id = ${pulled}`)
  await db.execute(sql`update authors set hot = true where author_id = ${hot}`)
  // Of five fans one is dormant, and of the others one has a timeline in L2.
  await db.execute(
    sql`insert into push_edges (author_id, viewer_id) select followee_id, follower_id from follows where follower_id <> ${fans[0]}`,
  )
  await db.execute(sql`update viewers set present_until = now() + interval '1 hour' where viewer_id = ${fans[1]}`)
  const parts = { dormant: 3 / 15, pulled: 4 / 15, absent: 3 / 15, present: 1 / 15, pushed: 4 / 15 }
  const near = Object.entries(parts).map(([name, share]) => [name, expect.closeTo(share, 9)])
  expect(await readEdgeShares(db, false)).toEqual({ edges: 15, ...Object.fromEntries(near), absentOfActive: 3 / 4, exact: true })
})
