import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { keyOf } from '../../contract/l2/keys.ts'
import { deleteAccount } from '../../origin/db/accounts.ts'
import { insertBlock } from '../../origin/db/blocks.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import { insertFollow } from '../../origin/db/follows.ts'
import { insertLike } from '../../origin/db/likes.ts'
import { insertMute } from '../../origin/db/mutes.ts'
import { insertActivity, storeAnswer } from '../../origin/db/posts.ts'
import { type L2, PREFIX, startL2 } from '../support/l2.ts'
import { makeFollows, makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { makeSweepsDue, startSweeper, unfinishedSweeps } from '../support/sweeper.ts'

const SEED = Number(process.env.SEED ?? 20_261_122)
/** More than one step removes. */
const FOLLOWERS = 210
const FOLLOWEES = 55
/** More than one step erases, and than are looked for by their ids. */
const POSTS = 1_003

let database: TestDatabase
let connection: Connection
let db: Database
let l2: L2
let firstId = 2_160_000_000_000_000_000n
beforeAll(async () => {
  ;[database, l2] = await Promise.all([createDatabase(inject('postgresUrl')), startL2()])
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'test' })
  db = connection.db
})
afterAll(async () => {
  await connection?.close()
  await l2?.stop()
  await database?.drop()
})

/** Somebody who is about to go, with all that a person leaves behind, and a friend of whom everything stays. */
async function someone(size: { readonly followers: number; readonly followees: number; readonly posts: number }) {
  firstId += 10_000n
  const [ann = '', ben = '', ...others] = await makeUsers(db, 2 + size.followers)
  const id = BigInt(ann)
  /** They follow Ann alone: all but the first hundred. */
  const loyal = others.slice(100)
  await makeFollows(db, [
    ...others.map((other) => [other, ann] as const),
    ...others.slice(0, 100).map((other) => [other, ben] as const),
    ...others.slice(0, size.followees).map((other) => [ann, other] as const),
  ])
  await db.execute(sql`
    insert into posts (id, author_id, text, mode)
    select ${firstId}::bigint + n, ${ann}::bigint, 'a secret', 'push' from generate_series(0, ${size.posts - 1}) n`)
  const [oldest, newest, benPost, repost] = [firstId, firstId + BigInt(size.posts - 1), firstId + 5_000n, firstId + 5_001n]
  await insertActivity(db, { id: benPost, authorId: BigInt(ben), text: 'stays', root: null })
  await insertActivity(db, { id: repost, authorId: id, text: null, root: { id: benPost, authorId: BigInt(ben) } })
  await insertLike(db, id, benPost)
  await insertLike(db, BigInt(others[0] ?? ''), benPost)
  const readers = [others[0] ?? '', others[150] ?? others[1] ?? '']
  await db.execute(
    sql`update viewers set enrolled_at = now(), complete_since = 0 where viewer_id in (${ann}, ${readers[0]}, ${readers[1]})`,
  )
  for (const viewer of [...readers, ann]) {
    await db.execute(sql`insert into push_edges values (${viewer === ann ? others[1] : ann}, ${viewer})`)
    for (const [activity, author] of [
      [oldest, ann],
      [newest, ann],
      [benPost, ben],
    ] as const)
      await db.execute(sql`insert into timeline_entries values (${viewer}, ${activity}, ${author})`)
  }
  await db.execute(sql`
    insert into fanout_chunks (activity_id, after_viewer, last_viewer, author_id, due_at)
    values (${newest}, 0, 9, ${ann}, now()), (${benPost}, 0, 9, ${ben}, now())`)
  await db.execute(sql`
    insert into dead_jobs (activity_id, author_id, mode, lane, after_viewer, attempts, queued_at, error)
    values (${newest}, ${ann}, 'push', 0, 0, 9, now(), 'an error'), (${benPost}, ${ben}, 'push', 0, 0, 9, now(), 'an error')`)
  const [foe = '', asked = '', asking = ''] = await makeUsers(db, 3)
  await insertMute(db, id, BigInt(foe))
  await db.transaction((tx) => insertBlock(tx, id, BigInt(foe)))
  await storeAnswer(db, id, 'a-key', { fingerprint: 'f', status: 201, body: { text: 'a secret' }, raised: {} })
  await db.execute(sql`update users set private = true where id = ${asked}`)
  await insertFollow(db, id, BigInt(asked))
  await db.execute(sql`insert into follow_requests (target_id, requester_id) values (${ann}, ${asking})`)
  await db.execute(sql`insert into backfills (viewer_id, author_id, due_at) values (${readers[0]}, ${ann}, now())`)
  const versions = async () =>
    new Map(
      (await db.execute<{ id: string; v: string }>(sql`select viewer_id::text id, view_version::text v from viewers`)).map((row) => [
        row.id,
        row.v,
      ]),
    )
  const before = await versions()
  return {
    ann,
    ben,
    delete: () => db.transaction((tx) => deleteAccount(tx, id)),
    /** All that is left of Ann, and what is not of hers. */
    async leftovers() {
      const count = async (what: ReturnType<typeof sql>) => (await db.execute(sql`select 1 from ${what}`)).length
      const [ben_] = await db.execute<{ likes: string; reposts: string }>(sql`
        select sum(likes)::text as likes, sum(reposts)::text as reposts from post_counts where post_id = ${benPost}`)
      const [counts] = await db.execute<{ miscounted: number }>(sql`
        select count(*)::int as miscounted from authors where follower_count <> (select count(*) from follows where followee_id = author_id)`)
      const after = await versions()
      return {
        hers: {
          texts: await count(sql`posts where author_id = ${ann} and (text like '%secret%' or deleted_at is null)`),
          follows: await count(sql`follows where ${ann} in (follower_id, followee_id)`),
          edges: await count(sql`push_edges where ${ann} in (author_id, viewer_id)`),
          rows: await count(sql`timeline_entries where ${ann} in (author_id, viewer_id)`),
          queue: await count(sql`fanout_jobs where author_id = ${ann}`),
          chunks: await count(sql`fanout_chunks where author_id = ${ann}`),
          dead: await count(sql`dead_jobs where author_id = ${ann}`),
          backfills: await count(sql`backfills where author_id = ${ann}`),
          requests: await count(sql`follow_requests where ${ann} in (target_id, requester_id)`),
          relations: (await count(sql`mutes where viewer_id = ${ann}`)) + (await count(sql`blocks where blocker_id = ${ann}`)),
          likes: await count(sql`likes where user_id = ${ann}`),
          answers: await count(sql`idempotency_keys where user_id = ${ann}`),
        },
        counts: { ...ben_, ...counts },
        bens: {
          rows: await count(sql`timeline_entries where author_id = ${ben}`),
          jobs: await count(sql`fanout_jobs where author_id = ${ben}`),
          chunks: await count(sql`fanout_chunks where author_id = ${ben}`),
          dead: await count(sql`dead_jobs where author_id = ${ben}`),
        },
        /** Whose view was raised: who follows nobody else, and whom she blocked. */
        raised: [...after]
          .filter(([viewer, version]) => viewer !== ann && before.get(viewer) !== version)
          .map(([viewer]) => viewer)
          .sort(),
      }
    },
    told: [...loyal, foe].sort(),
  }
}
const GONE = {
  texts: 0,
  follows: 0,
  edges: 0,
  rows: 0,
  queue: 0,
  chunks: 0,
  dead: 0,
  backfills: 0,
  requests: 0,
  relations: 0,
  likes: 0,
  answers: 0,
}
const STAYS = { rows: 2, jobs: 1, chunks: 1, dead: 1 }

test('a deleted account goes: texts, queue, rows in timelines, follows both ways, likes, blocks, retries; and nobody is told who need not be', async () => {
  const { ann, told, ...person } = await someone({ followers: FOLLOWERS, followees: FOLLOWEES, posts: POSTS })
  const { hers } = await person.leftovers()
  expect(Object.entries(hers).filter(([, left]) => left === 0)).toEqual([])
  const [first] = await db.execute<{ id: bigint }>(sql`select coalesce(max(id), 0) as id from invalidations`)
  await person.delete()
  await startSweeper(db, l2).toTheEnd()
  expect(await person.leftovers()).toEqual({
    hers: GONE,
    counts: { likes: '1', reposts: '0', miscounted: 0 },
    bens: STAYS,
    raised: told,
  })
  const keys = await db.execute<{ key: string }>(sql`select key from invalidations where id > ${first?.id ?? 0n} and done_at is not null`)
  expect(keys.map(({ key }) => key).sort()).toEqual(told.map((viewer) => keyOf.viewer(viewer)).sort())
  // A Redis that lost all of it is swept once more, and what is gone does not go twice.
  await db.execute(sql`update sweeps set below_post = 9223372036854775807, due_at = now()`)
  const key = keyOf.post(String(firstId), 'public')
  const say = l2.speak()
  await say.lease(key, 1)
  await say.fillText(key, 1, { truth: 1, payload: 'as it was' })
  await startSweeper(db, l2).toTheEnd()
  expect(await l2.client.get(PREFIX + key)).toBeNull()
  expect(await person.leftovers()).toMatchObject({ hers: GONE, counts: { likes: '1', reposts: '0', miscounted: 0 }, raised: told })
})

test(`a sweep whose processes die before or after any commit comes to the same end (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.constantFrom('lives', 'lives', 'dies before', 'dies after')), async (fates) => {
      const { ann, told, ...person } = await someone({ followers: 120, followees: 3, posts: 3 })
      await person.delete()
      const mortal: Database = Object.create(db)
      mortal.transaction = async (work, config) => {
        const fate = fates.next().value
        if (fate === 'dies before') throw new Error('killed')
        const done = await db.transaction(work, config)
        if (fate === 'dies after') throw new Error('killed')
        return done
      }
      while ((await unfinishedSweeps(db)) > 0) {
        await startSweeper(mortal, l2)
          .step()
          .catch(() => {})
        await makeSweepsDue(db)
      }
      expect(await person.leftovers()).toEqual({
        hers: GONE,
        counts: { likes: '1', reposts: '0', miscounted: 0 },
        bens: STAYS,
        raised: told,
      })
    }),
    { seed: SEED, numRuns: 2 },
  )
})
