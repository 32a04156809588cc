import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { firstIdAt } from '../../contract/ids.ts'
import { PROMISED_MS } from '../../contract/promise.ts'
import { type Connection, connect } from '../../origin/db/client.ts'
import { expectationAt, type OracleActivity, oracleActivities, oracleFeed } from '../../origin/db/oracle.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

const MINUTE_MS = 60_000
const NOW_MS = Date.now()
/** When most of what happens here has happened. */
const LONG_AGO = new Date(NOW_MS - 30 * MINUTE_MS).toISOString()

let database: TestDatabase
let connection: Connection
let run: (statement: SQL) => Promise<unknown>
let minted = 0n
beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 2, statementTimeoutMs: 10_000, applicationName: 'test' })
  run = (statement) => connection.db.execute(statement)
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

/** A viewer and some authors whom the viewer has followed for long. */
async function people(count: number): Promise<readonly [viewer: string, ...authors: string[]]> {
  const [viewer = '', ...authors] = await makeUsers(connection.db, count + 1)
  await makeFollows(
    connection.db,
    authors.map((author) => [viewer, author] as const),
  )
  await run(sql`update follows set created_at = ${LONG_AGO} where follower_id = ${viewer}`)
  await run(sql`update viewers set enrolled_at = ${LONG_AGO} where viewer_id = ${viewer}`)
  return [viewer, ...authors]
}

/** Writes an activity of `minutesAgo`, straight to Postgres. */
async function write(
  author: string,
  {
    root,
    mode = 'push',
    audience = 'public',
    minutesAgo = 10,
  }: { root?: string; mode?: string; audience?: string; minutesAgo?: number } = {},
): Promise<string> {
  const id = firstIdAt(NOW_MS - minutesAgo * MINUTE_MS) + ++minted
  const ofRoot = root === undefined ? sql`null, null` : sql`${root}, (select author_id from posts where id = ${root})`
  await run(sql`
    insert into posts (id, author_id, text, root_id, root_author_id, mode, audience)
    select ${id}, ${author}, ${root === undefined ? 'a post' : null}::text, root::bigint, root_author::bigint, ${mode}, ${audience}
    from (select ${ofRoot}) r(root, root_author)`)
  return String(id)
}

const all = (viewer: string) => oracleActivities(connection.db, viewer)
async function only(viewer: string, activityId: string): Promise<OracleActivity> {
  const found = (await all(viewer)).find((activity) => activity.activityId === activityId)
  if (!found) throw new Error(`the oracle does not know ${activityId}`)
  return found
}

test('own posts and those of followees are there once, by the newest activity that may be seen; strangers are not', async () => {
  const [viewer, author = '', other = ''] = await people(2)
  const [stranger = ''] = await makeUsers(connection.db, 1)
  const root = await write(author)
  const own = await write(viewer)
  const theirs = await write(stranger)
  const older = await write(author, { root: theirs })
  const newer = await write(other, { root: theirs })
  const gone = await write(viewer, { root })
  await run(sql`update posts set deleted_at = now() where id = ${gone}`)
  expect(await oracleFeed(connection.db, viewer)).toEqual([
    [newer, theirs],
    [own, own],
    [root, root],
  ])
  expect((await all(viewer)).map(({ activityId, now }) => [activityId, now])).toEqual([
    [gone, { is: 'hidden', why: 'deleted' }],
    [newer, { is: 'visible' }],
    [older, { is: 'folded', under: newer }],
    [own, { is: 'visible' }],
    [root, { is: 'visible' }],
  ])
  expect((await oracleActivities(connection.db, viewer, own)).map(({ activityId }) => activityId)).toEqual([gone, newer, older, own])
})

const HIDING: readonly (readonly [why: string, hide: (viewer: string, author: string, post: string, root: string) => SQL])[] = [
  ['deleted', (_, __, post) => sql`update posts set deleted_at = ${LONG_AGO} where id = ${post}`],
  ['root deleted', (_, __, ___, root) => sql`update posts set deleted_at = ${LONG_AGO} where id = ${root}`],
  ['muted', (viewer, author) => sql`insert into mutes values (${viewer}, ${author}, ${LONG_AGO})`],
  ['blocked', (viewer, author) => sql`insert into blocks values (${viewer}, ${author}, ${LONG_AGO})`],
  ['blocked', (viewer, author) => sql`insert into blocks values (${author}, ${viewer}, ${LONG_AGO})`],
  ['suspended', (_, author) => sql`update users set suspended_at = ${LONG_AGO} where id = ${author}`],
  ['account deleted', (_, author) => sql`update users set deleted_at = ${LONG_AGO} where id = ${author}`],
  [
    'unfollowed',
    (viewer, author) => sql`
      with gone as (delete from follows where follower_id = ${viewer} and followee_id = ${author})
      insert into departures values (${viewer}, ${author}, ${LONG_AGO})`,
  ],
]
test.each(HIDING)('what is %s must not be there, and since when is known', async (why, hide) => {
  const [viewer, author = '', rootAuthor = ''] = await people(2)
  const root = await write(rootAuthor)
  const post = await write(author, { root })
  await run(hide(viewer, author, post, root))
  const { now, sinceMs, ...rest } = await only(viewer, post)
  expect(now).toEqual({ is: 'hidden', why })
  expect(sinceMs).toBe(Date.parse(LONG_AGO))
  const at = (readAtMs: number) => expectationAt({ now, sinceMs, ...rest }, readAtMs, PROMISED_MS)
  expect([at(sinceMs - 1), at(sinceMs + PROMISED_MS - 1), at(sinceMs + PROMISED_MS)]).toEqual(['may', 'may', 'must not'])
})

test('what is not public is there for followers of its author alone, whoever reposted it', async () => {
  const [viewer, author = '', friend = ''] = await people(2)
  const [stranger = ''] = await makeUsers(connection.db, 1)
  const forFollowers = await write(author, { audience: 'followers' })
  const theirs = await write(stranger)
  const reposted = await write(friend, { root: theirs })
  expect((await only(viewer, reposted)).now.is).toBe('visible')
  await run(sql`update users set private = true, visibility_changed_at = ${LONG_AGO} where id in (${stranger}, ${author})`)
  expect((await only(viewer, forFollowers)).now.is).toBe('visible')
  expect((await only(viewer, reposted)).now).toEqual({ is: 'hidden', why: 'private' })
  await makeFollows(connection.db, [[viewer, stranger]])
  expect((await only(viewer, reposted)).now.is).toBe('visible')
})

test("the viewer's last change of follows, mutes or blocks leaves everything open for five seconds", async () => {
  const [viewer, author = ''] = await people(1)
  const post = await write(author)
  expect(expectationAt(await only(viewer, post), NOW_MS, PROMISED_MS)).toBe('must')
  await run(sql`update viewers set changed_at = now() where viewer_id = ${viewer}`)
  const changed = await only(viewer, post)
  expect(expectationAt(changed, changed.sinceMs + 4_999, PROMISED_MS)).toBe('may')
  expect(expectationAt(changed, changed.sinceMs + 5_000, PROMISED_MS)).toBe('must')
})

test('how far a post has come: queued, inserted, pushed, copied after a follow; pulled and own ones come with their commit', async () => {
  const [viewer, author = ''] = await people(1)
  const post = await write(author, { minutesAgo: 2 })
  const mintedAtMs = (await only(viewer, post)).sinceMs
  const journey = async () => (await only(viewer, post)).journey
  await run(sql`insert into fanout_jobs (activity_id, author_id, mode, lane) values (${post}, ${author}, 'push', 0)`)
  expect(await journey()).toEqual({ by: 'push', state: 'queued', sinceMs: mintedAtMs })
  await run(sql`delete from fanout_jobs`)
  await run(sql`
    insert into fanout_chunks (activity_id, after_viewer, last_viewer, author_id, inserted_at, due_at)
    values (${post}, 0, ${viewer}, ${author}, ${LONG_AGO}, now())`)
  expect(await journey()).toEqual({ by: 'push', state: 'inserted', sinceMs: Date.parse(LONG_AGO) })
  await run(sql`update fanout_chunks set pushed_at = ${LONG_AGO}`)
  expect(await journey()).toEqual({ by: 'push', state: 'delivered', atMs: Date.parse(LONG_AGO) })
  await run(sql`insert into backfills values (${viewer}, ${author}, now())`)
  expect(await journey()).toEqual({ by: 'push', state: 'copying', sinceMs: Date.parse(LONG_AGO) })
  await run(sql`delete from backfills`)
  // Who was enrolled after the post got it by the rebuild, whatever its chunk does.
  await run(sql`update fanout_chunks set pushed_at = null`)
  await run(sql`update viewers set enrolled_at = now() where viewer_id = ${viewer}`)
  expect(await journey()).toEqual({ by: 'push', state: 'delivered', atMs: mintedAtMs })

  const [pulled, own] = [await write(author, { mode: 'pull' }), await write(viewer)]
  expect((await only(viewer, pulled)).journey).toMatchObject({ by: 'pull', state: 'delivered' })
  expect((await only(viewer, own)).journey).toMatchObject({ by: 'own', state: 'delivered' })
})
