import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect, type Database, type Queryable } from '../../origin/db/client.ts'
import { backfill, deleteFollow, insertFollow } from '../../origin/db/follows.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { rebuild } from '../../origin/db/rebuilds.ts'
import { crowd, stepTiers } from '../../origin/db/tiers.ts'
import { bigFolloweesOf, timelineOf } from '../../origin/db/timelines.ts'
import { enrol, findViewers } from '../../origin/db/viewers.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { mulberry32 } from '../support/random.ts'
import { enrolAndRebuild } from '../support/returning.ts'
import { runTiersHistories } from '../support/tiers-histories.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const HOUR_MS = 3_600_000
const RULES = {
  crowdThreshold: 10,
  leaveShare: 0.8,
  holdMs: HOUR_MS,
  candidateFloor: 5,
  timelineLifeMs: HOUR_MS,
  announceMs: 60_000,
  hotThreshold: 4,
  hotLeaveShare: 0.5,
  hotHoldMs: HOUR_MS,
}
const CAP = 5

let database: TestDatabase
let connection: Connection
let db: Database
let nextId = 2_140_000_000_000_000_000n

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 60_000, applicationName: 'test' })
  db = connection.db
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

const post = async (authorId: string): Promise<string> => {
  await db.transaction((tx) => insertActivity(tx, { id: ++nextId, authorId: BigInt(authorId), text: 'x', root: null }))
  return String(nextId)
}
const step = () => db.transaction((tx) => stepTiers(tx, RULES, 'crowd'))
const inCrowd = async (authorId: string) => (await crowd(db)).authorIds.includes(BigInt(authorId))
const routeOf = async (authorId: string) =>
  (await db.execute<{ route: string }>(sql`select route from authors where author_id = ${authorId}`))[0]?.route
const setFollowers = (authorId: string, count: number) =>
  db.execute(sql`update authors set follower_count = ${count} where author_id = ${authorId}`)
/** What Postgres noted of the tiers happened so much longer ago. */
const age = (authorId: string, ms: number) => {
  const ago = sql`make_interval(secs => ${ms / 1_000})`
  return db.execute(sql`
    update authors set candidate_since = candidate_since - ${ago}, announced_at = announced_at - ${ago}, demoted_at = demoted_at - ${ago},
      hot_changed_at = hot_changed_at - ${ago} where author_id = ${authorId}`)
}

/** What a fill of the timeline finds, oldest first. */
async function filledNow(viewerId: string): Promise<string[]> {
  const [viewer] = await findViewers(db, [viewerId])
  const { unpushed } = await bigFolloweesOf(db, BigInt(viewerId))
  const rows = await timelineOf(db, BigInt(viewerId), viewer?.completeSince ?? 0n, 100, unpushed)
  return rows.map(({ activityId }) => activityId).reverse()
}
const modeOf = async (id: string) => (await db.execute<{ mode: string }>(sql`select mode from posts where id = ${id}`))[0]?.mode
const isHot = async (authorId: string) =>
  (await db.execute<{ hot: boolean }>(sql`select hot from authors where author_id = ${authorId}`))[0]?.hot

/** A pulled author with some pulled posts, and followers whose rows were written before them. */
async function pulledAuthor(posts: number, followers: number) {
  const [author = '', ...viewers] = await makeUsers(db, 1 + followers)
  await makeFollows(
    db,
    viewers.map((viewer) => [viewer, author]),
  )
  await setFollowers(author, 10)
  for (const viewer of viewers) await enrolAndRebuild(db, BigInt(viewer))
  await db.execute(sql`
    update authors set route = 'pull', candidate_since = now() - interval '1 day', announced_at = now() - interval '1 hour' where author_id = ${author}`)
  const pulled: string[] = []
  for (let i = 0; i < posts; i++) pulled.push(await post(author))
  return { author, viewers, pulled }
}
async function demotedAuthor(posts: number, followers: number) {
  const world = await pulledAuthor(posts, followers)
  await setFollowers(world.author, 7)
  await step()
  expect(await routeOf(world.author)).toBe('demoted')
  return world
}
/** Begins a transaction and holds it open after `work`. */
async function held(work: (tx: Queryable) => Promise<unknown>): Promise<{ commit(): Promise<void> }> {
  const done = Promise.withResolvers<void>()
  const worked = Promise.withResolvers<void>()
  const ended = db.transaction(async (tx) => {
    await work(tx)
    worked.resolve()
    await done.promise
  })
  await Promise.race([worked.promise, ended])
  return {
    async commit() {
      done.resolve()
      await ended
    },
  }
}

test('an author who falls below the share is demoted after the hold time, and leaves crowd a life later', async () => {
  const { author } = await pulledAuthor(3, 2)
  await setFollowers(author, 8)
  await step()
  expect(await routeOf(author)).toBe('pull') // at the share, not below it
  await setFollowers(author, 7)
  await db.execute(sql`update authors set announced_at = now() - interval '50 minutes' where author_id = ${author}`)
  await step()
  expect(await routeOf(author)).toBe('pull') // not held long enough
  await age(author, HOUR_MS)
  expect(await step()).toEqual([])
  expect([await routeOf(author), await inCrowd(author)]).toEqual(['demoted', true])
  expect(await modeOf(await post(author))).toBe('hot')

  await age(author, 0.9 * HOUR_MS)
  expect(await step()).toEqual([])
  expect(await inCrowd(author)).toBe(true) // timelines from before may be in use
  await age(author, 0.1 * HOUR_MS)
  const { version } = await crowd(db)
  expect(await step()).toMatchObject([{ key: 'crowd', truth: version + 1, replacement: null }])
  expect([await routeOf(author), await inCrowd(author)]).toEqual(['push', false])
})

test('whatever an author becomes, a fill holds what readers do not pull, and their rows none of it', async () => {
  const { author, viewers, pulled } = await pulledAuthor(3, 2)
  const [viewer = ''] = viewers
  const posted = [...pulled]
  expect(await filledNow(viewer)).toEqual([]) // the candidate is pulled
  await setFollowers(author, 7)
  await step()
  expect(await filledNow(viewer)).toEqual(posted)
  posted.push(await post(author)) // hot: nobody cuts it here, and a fill has it
  expect(await filledNow(viewer)).toEqual(posted)
  await setFollowers(author, 10)
  await step()
  expect([await routeOf(author), await inCrowd(author)]).toEqual(['announced', true])
  expect(await filledNow(viewer)).toEqual(posted)
  await age(author, HOUR_MS)
  await step()
  expect([await routeOf(author), await filledNow(viewer)]).toEqual(['pull', []])
  posted.push(await post(author))
  await setFollowers(author, 0)
  await step()
  await age(author, HOUR_MS)
  await step()
  expect([await routeOf(author), await isHot(author), await inCrowd(author)]).toEqual(['push', false, false])
  for (const one of viewers) expect(await filledNow(one)).toEqual(posted)
  expect(await db.execute(sql`select 1 from timeline_entries where author_id = ${author}`)).toEqual([])
})

test('a return or a follow that read the author as pulled while the demotion committed loses nothing', async () => {
  const { author, viewers, pulled } = await pulledAuthor(2, 1)
  const [returning = ''] = viewers
  await db.execute(sql`update viewers set enrolled_at = null where viewer_id = ${returning}`)
  await db.transaction((tx) => enrol(tx, BigInt(returning)))
  const [following = ''] = await makeUsers(db, 1)
  await enrolAndRebuild(db, BigInt(following))
  await db.transaction((tx) => insertFollow(tx, BigInt(following), BigInt(author)))
  const writes = await Promise.all([
    held((tx) => rebuild(tx, BigInt(returning), CAP)),
    held((tx) => backfill(tx, BigInt(following), BigInt(author), CAP)),
  ])
  await setFollowers(author, 0)
  await step()
  for (const write of writes) await write.commit()
  for (const viewer of [returning, following]) expect(await filledNow(viewer)).toEqual(pulled)
})

test('who returns or follows behind the demotion has the posts too, once each', async () => {
  const { author, viewers, pulled } = await demotedAuthor(CAP - 1, 1)
  const [returning = '', following = ''] = await makeUsers(db, 2)
  await makeFollows(db, [[returning, author]])
  await enrolAndRebuild(db, BigInt(following))
  await enrolAndRebuild(db, BigInt(returning))
  await db.transaction((tx) => insertFollow(tx, BigInt(following), BigInt(author)))
  await db.transaction((tx) => backfill(tx, BigInt(following), BigInt(author), CAP))
  pulled.push(await post(author))
  for (const viewer of [...viewers, returning, following]) expect(await filledNow(viewer)).toEqual(pulled)
  await db.transaction((tx) => deleteFollow(tx, BigInt(following), BigInt(author)))
  expect(await filledNow(following)).toEqual([])
})

test('an author becomes hot at the threshold, cools below the share, and holds what they became', async () => {
  const [author = '', viewer = ''] = await makeUsers(db, 2)
  await makeFollows(db, [[viewer, author]])
  await enrolAndRebuild(db, BigInt(viewer))
  const modes: (string | undefined)[] = []
  const posted: string[] = []
  for (const [followers, waitedMs] of [
    [3, 0], // below
    [4, 0], // at the threshold, and nothing holds who never changed
    [2, HOUR_MS], // at the share
    [1, HOUR_MS],
    [4, HOUR_MS / 2], // held
    [4, HOUR_MS / 2],
  ] as const) {
    await setFollowers(author, followers)
    await age(author, waitedMs)
    await step()
    posted.push(await post(author))
    modes.push(await modeOf(posted.at(-1) ?? ''))
  }
  expect(modes).toEqual(['push', 'hot', 'hot', 'push', 'push', 'hot'])
  const hot = posted.filter((_, i) => modes[i] === 'hot')
  expect(await filledNow(viewer)).toEqual(hot) // the pushed ones are still to be cut
})

test('a fill is the newest of rows and unpushed posts, whatever a followee has', async () => {
  const random = mulberry32(SEED)
  const below = (n: number) => Math.floor(random() * n)
  for (let world = 0; world < 8; world++) {
    const [viewer = '', ...authors] = await makeUsers(db, 2 + below(12))
    const followees = authors.filter(() => random() < 0.8)
    await makeFollows(
      db,
      followees.map((author) => [viewer, author]),
    )
    await enrolAndRebuild(db, BigInt(viewer))
    const routes = new Map(
      authors.map((author) => [author, random() < 0.2 ? 'pull' : (['push', 'announced', 'demoted'] as const)[below(3)]]),
    )
    const expected: string[] = []
    const completeSince = nextId + BigInt(below(60))
    for (const [author, route] of routes)
      await db.execute(sql`update authors set route = ${route}, unpushed = true where author_id = ${author}`)
    const written: {
      readonly id: bigint
      readonly author: string
      readonly mode: string
      readonly deleted: boolean
      readonly hasRow: boolean
    }[] = []
    for (let i = 0; i < 150; i++) {
      const author = authors[Math.min(below(authors.length), below(authors.length))] ?? ''
      const mode = (['push', 'hot', 'hot', 'pull'] as const)[below(4)] ?? 'push'
      const deleted = random() < 0.1
      const hasRow = mode === 'push' || random() < 0.2
      const id = ++nextId
      written.push({ id, author, mode, deleted, hasRow })
      const found = mode !== 'push' && routes.get(author) !== 'pull' && !deleted
      if (followees.includes(author) && (hasRow || found) && id > completeSince) expected.unshift(String(id))
    }
    const values = written.map(
      ({ id, author, mode, deleted, hasRow }) => sql`(${id}::bigint, ${author}::bigint, ${mode}, ${deleted}, ${hasRow})`,
    )
    await db.execute(sql`
      with written (id, author_id, mode, deleted, has_row) as (values ${sql.join(values, sql`, `)}), post as (
        insert into posts (id, author_id, text, mode, deleted_at) select id, author_id, 'x', mode, case when deleted then now() end from written
      )
      insert into timeline_entries (viewer_id, activity_id, author_id) select ${viewer}::bigint, id, author_id from written where has_row`)
    const { unpushed } = await bigFolloweesOf(db, BigInt(viewer))
    for (const limit of [1, 7, 40, 200]) {
      const rows = await timelineOf(db, BigInt(viewer), completeSince, limit, unpushed)
      expect(rows.map(({ activityId }) => activityId)).toEqual(expected.slice(0, limit))
    }
  }
})

test('however posts, follows, returns and changes of tier interleave, no reader misses a post', async () => {
  const details = await runTiersHistories(db, { runs: 4, seed: SEED, minSteps: 30 })
  expect(details.failed, fc.defaultReportMessage(details)).toBe(false)
}, 120_000)

test('were a fill the rows alone, the same histories would find it', async () => {
  const details = await runTiersHistories(db, { runs: 20, seed: SEED, minSteps: 30, defect: 'fills are rows alone' })
  expect(details.failed).toBe(true)
}, 120_000)
