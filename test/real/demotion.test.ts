import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Connection, connect, type Database, type Queryable } from '../../origin/db/client.ts'
import { copyPulled, finishDemotion, lockFollowers, takeDemotion } from '../../origin/db/demotions.ts'
import { backfill, deleteFollow, insertFollow } from '../../origin/db/follows.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { crowd, stepTiers } from '../../origin/db/tiers.ts'
import { enrol, findViewers, rebuild, timelineOf } from '../../origin/db/timelines.ts'
import { copyNext } from '../../origin/fanout/demote.ts'
import { eventually } from '../support/eventually.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { enrolAndRebuild } from '../support/returning.ts'
import { runTiersHistories } from '../support/tiers-histories.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const HOUR_MS = 3_600_000
const RULES = { crowdThreshold: 10, leaveShare: 0.8, holdMs: HOUR_MS, candidateFloor: 5, timelineLifeMs: HOUR_MS, announceMs: 60_000 }
const CAP = 5

let database: TestDatabase
let connection: Connection
let db: Database
let nextId = 2_140_000_000_000_000_000n

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 8, statementTimeoutMs: 10_000, applicationName: 'test' })
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
    with copied as (update demotions set copied_at = copied_at - ${ago} where author_id = ${authorId})
    update authors set candidate_since = candidate_since - ${ago}, announced_at = announced_at - ${ago} where author_id = ${authorId}`)
}

/** What a load of the timeline finds in the rows, oldest first. */
async function rowsOf(viewerId: string): Promise<string[]> {
  const [viewer] = await findViewers(db, [viewerId])
  const rows = await timelineOf(db, BigInt(viewerId), viewer?.completeSince ?? 0n, 100)
  return rows.map(({ activityId }) => activityId).reverse()
}

/** A pulled author with some pulled posts, and followers whose timelines were rebuilt before them. */
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
async function copyAll(followers = 100): Promise<void> {
  while ((await copyNext(db, followers, CAP)) > 0);
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
/** Someone waits for a lock. */
const somebodyWaits = () =>
  eventually(async () => {
    const waiting = await db.execute(sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()`)
    expect(waiting.length).toBeGreaterThan(0)
  })

test('an author who falls below the share is demoted after the hold time, and leaves crowd a life after the copy is through', async () => {
  const { author, viewers } = await pulledAuthor(3, 2)
  await setFollowers(author, 8)
  await step()
  expect(await routeOf(author)).toBe('pull') // at the share, not below it
  await setFollowers(author, 7)
  await db.execute(sql`update authors set announced_at = now() - interval '50 minutes' where author_id = ${author}`)
  await step()
  expect(await routeOf(author)).toBe('pull') // not held long enough
  await age(author, HOUR_MS)
  expect(await step()).toEqual([])
  expect(await routeOf(author)).toBe('demoted')
  const pushed = await post(author)
  expect(await db.execute(sql`select mode from posts where id = ${pushed}`)).toEqual([{ mode: 'push' }])

  await age(author, 2 * HOUR_MS)
  await step()
  expect(await inCrowd(author)).toBe(true) // nothing was copied yet
  await copyAll()
  expect(await rowsOf(viewers[0] ?? '')).toHaveLength(3)
  await step()
  expect(await inCrowd(author)).toBe(true) // older timelines may be in use
  await age(author, HOUR_MS)
  const { version } = await crowd(db)
  expect(await step()).toMatchObject([{ key: 'crowd', truth: version + 1, replacement: null }])
  expect(await inCrowd(author)).toBe(false)
  expect(await routeOf(author)).toBe('push')
})

test('a demoted author who has enough followers again is announced anew, and another demotion copies the posts of both times', async () => {
  const { author, viewers, pulled } = await demotedAuthor(2, 3)
  await copyNext(db, 1, CAP) // to the first follower only
  await setFollowers(author, 10)
  await step()
  expect([await routeOf(author), await inCrowd(author)]).toEqual(['announced', true])
  await age(author, HOUR_MS)
  await step()
  expect(await routeOf(author)).toBe('pull')
  pulled.push(await post(author))
  await setFollowers(author, 0)
  await step()
  await copyAll(1)
  for (const viewer of viewers) expect(await rowsOf(viewer)).toEqual(pulled)
})

test('the copy takes the newest posts that stand, cuts each timeline, and says where it ends', async () => {
  const { author, viewers, pulled } = await demotedAuthor(CAP + 3, 3)
  await db.execute(sql`update posts set deleted_at = now() where id = ${pulled.at(-1)}`)
  await copyAll(2)
  for (const viewer of viewers) expect(await rowsOf(viewer)).toEqual(pulled.slice(2, -1))
  const [whole] = await findViewers(db, viewers.slice(0, 1))
  expect(String(whole?.completeSince)).toBe(pulled[1])
  expect(await db.execute(sql`select 1 from demotions where author_id = ${author} and copied_at is not null`)).toHaveLength(1)
})

test('a copy that dies in any of its transactions goes on where it stopped', async () => {
  const { author, viewers, pulled } = await demotedAuthor(2, 3)
  await copyNext(db, 1, CAP)
  const crashed = db.transaction(async (tx) => {
    const demotion = await takeDemotion(tx)
    if (!demotion) throw new Error('nothing to copy')
    await copyPulled(tx, demotion.authorId, await lockFollowers(tx, demotion, 1), CAP)
    throw new Error('killed before its commit')
  })
  await expect(crashed).rejects.toThrow('killed')
  await Promise.all([copyAll(1), copyAll(1)]) // and two processes share the rest
  for (const viewer of viewers) expect(await rowsOf(viewer)).toEqual(pulled)
  expect(await db.execute(sql`select 1 from demotions where author_id = ${author} and copied_at is not null`)).toHaveLength(1)
})

test('a return that read the author as pulled is waited for, and gets its copies', async () => {
  const { author, viewers, pulled } = await pulledAuthor(2, 1)
  const [viewer = ''] = viewers
  await db.execute(sql`update viewers set enrolled_at = null where viewer_id = ${viewer}`)
  await db.transaction((tx) => enrol(tx, BigInt(viewer)))
  const rebuilding = await held((tx) => rebuild(tx, BigInt(viewer), CAP))
  await setFollowers(author, 0)
  await step()
  const copied = copyAll()
  await somebodyWaits()
  await rebuilding.commit()
  await copied
  expect(await rowsOf(viewer)).toEqual(pulled)
})

test('without the lock on the follower that return would have lost the posts', async () => {
  const { author, viewers } = await pulledAuthor(2, 1)
  const [viewer = ''] = viewers
  await db.execute(sql`update viewers set enrolled_at = null where viewer_id = ${viewer}`)
  await db.transaction((tx) => enrol(tx, BigInt(viewer)))
  const rebuilding = await held((tx) => rebuild(tx, BigInt(viewer), CAP))
  await setFollowers(author, 0)
  await step()
  const copied = db.transaction(async (tx) => {
    await copyPulled(tx, BigInt(author), [BigInt(viewer)], CAP) // waits only where it trims, after it has copied
    await finishDemotion(tx, BigInt(author))
  })
  await somebodyWaits()
  await rebuilding.commit()
  await copied
  expect(await rowsOf(viewer)).toEqual([])
})

test('who returns behind the copy gets the posts from the rebuild, who follows behind it from the backfill', async () => {
  const { author, viewers, pulled } = await demotedAuthor(2, 1)
  const [returning = '', following = ''] = await makeUsers(db, 2)
  await makeFollows(db, [[returning, author]])
  await enrolAndRebuild(db, BigInt(following))
  await copyAll()
  await enrolAndRebuild(db, BigInt(returning))
  await db.transaction((tx) => insertFollow(tx, BigInt(following), BigInt(author)))
  await db.transaction((tx) => backfill(tx, BigInt(following), BigInt(author), CAP))
  for (const viewer of [...viewers, returning, following]) expect(await rowsOf(viewer)).toEqual(pulled)
})

test('a follow whose backfill read the author as pulled is waited for; one that is settled late copies by itself', async () => {
  const { author, pulled } = await pulledAuthor(2, 1)
  const [early = '', late = ''] = await makeUsers(db, 2)
  for (const viewer of [early, late]) {
    await enrolAndRebuild(db, BigInt(viewer))
    await db.transaction((tx) => insertFollow(tx, BigInt(viewer), BigInt(author)))
  }
  const backfilling = await held((tx) => backfill(tx, BigInt(early), BigInt(author), CAP))
  await setFollowers(author, 0)
  await step()
  const copied = copyAll()
  await somebodyWaits()
  await backfilling.commit()
  await copied
  await db.transaction((tx) => backfill(tx, BigInt(late), BigInt(author), CAP))
  for (const viewer of [early, late]) expect(await rowsOf(viewer)).toEqual(pulled)
})

test('who unfollows while the copy waits sees nothing of it; followed again, everything is there', async () => {
  const { author, viewers, pulled } = await demotedAuthor(2, 1)
  const [viewer = ''] = viewers
  const leaving = await held((tx) => deleteFollow(tx, BigInt(viewer), BigInt(author)))
  const copied = copyAll()
  await somebodyWaits()
  await leaving.commit()
  await copied
  expect(await rowsOf(viewer)).toEqual([])
  await db.transaction((tx) => insertFollow(tx, BigInt(viewer), BigInt(author)))
  const between = await post(author) // its fan-out is still to come
  await db.transaction((tx) => backfill(tx, BigInt(viewer), BigInt(author), CAP))
  expect(await rowsOf(viewer)).toEqual([...pulled, between])
})

test('however posts, follows, returns, demotions and promotions interleave, no reader misses a post', async () => {
  await db.execute(sql`delete from demotions`)
  const details = await runTiersHistories(db, { runs: 4, seed: SEED, minSteps: 30 })
  expect(details.failed, fc.defaultReportMessage(details)).toBe(false)
})

test('were nothing copied, the same histories would find it', async () => {
  const details = await runTiersHistories(db, { runs: 20, seed: SEED, minSteps: 30, defect: 'nothing is copied' })
  expect(details.failed).toBe(true)
})
