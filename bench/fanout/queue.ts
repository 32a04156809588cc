import { sql } from 'drizzle-orm'
import { logEntry, inTurn as takeTurn } from '../../origin/db/activities.ts'
import { prepared, type Queryable } from '../../origin/db/client.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { installPeers } from '../cache/install-peers.ts'
import { costOf, perPiece } from './cost.ts'
import { openPool, populate } from './people.ts'
import { bar, beside, type Scenario } from './scenario.ts'
import { BATCH, drainWith, enqueue, NO_PUSH } from './sides.ts'

const OURS = 'our queue, two workers'
const BOSS = 'pg-boss, transactional, batches of 100, four workers'
const POST = 'post with its job'
const ALONE = 'the same post alone'

const JOBS = 8_000
/** Posts in a measurement, and who sends them. */
const POSTS = 4_000
const SENDERS = 8

interface Job {
  readonly activityId: string
  readonly authorId: string
}
type Execute = (text: string, values: unknown[]) => Promise<unknown>
interface Boss {
  insert(jobs: readonly Job[]): Promise<unknown>
  clear(): Promise<void>
  work(perform: (jobs: readonly Job[], execute: Execute) => Promise<void>): Promise<{ stop(): Promise<void> }>
  close(): Promise<void>
}

export const queue: Scenario = {
  name: 'queue',
  title: 'The queue',
  about: `Jobs per second: fan-out of authors with 39 followers on average into an empty table of timelines, L2 push off, synchronous_commit off, batches of ${BATCH} (ours) and 100; pg-boss takes, performs and completes a batch in one transaction, and its fan-out is one bare INSERT … SELECT. Posts per second: ${SENDERS} connections, synchronous_commit on; begin, lock the author, write the post, commit on both sides, the one with a job in the same statement; each writes its line of the log of activities.`,
  columns: [
    { figure: 'perS', title: 'per second' },
    { figure: 'ratio', title: 'to the peer' },
    { figure: 'postgresUs', title: 'CPU of Postgres each', unit: ' µs' },
    { figure: 'walBytes', title: 'WAL each', unit: ' B' },
  ],
  bars: [
    bar(OURS, 'ratio', { atLeast: 1.3 }, 'fan-out jobs/s: at least 1.3 times pg-boss'),
    bar(POST, 'ratio', { atLeast: 0.6 }, 'a post with its job: at least 0.60 of the same post without one'),
  ],
  async open(world) {
    await installPeers(world.say)
    const database = await world.emptyDatabase()
    const fast = openPool(database.url, 4, false)
    const durable = openPool(database.url, SENDERS)
    const { db } = fast
    const { authors } = await populate(db, 16_384, [{ name: 'all', authors: 2_000, followers: [10, 68] }])
    // What is installed on demand has no types here.
    const { openQueue }: { openQueue(options: object): Promise<Boss> } = await import(new URL('../peers/pg-boss.js', import.meta.url).href)
    const boss = await openQueue({ databaseUrl: database.url, batch: 100, workers: 4 })
    const [jobs, posts] = world.quick ? [JOBS / 4, POSTS / 4] : [JOBS, POSTS]
    let id = 2_000_000_000_000_000_000n
    let next = 0
    const nextId = () => ++id
    const nextAuthor = () => authors.all[next++ % authors.all.length] as bigint
    const measured = async (count: number, work: () => Promise<unknown>) => {
      return perPiece(await costOf(db, world.postgres.pid, work), count)
    }
    const empty = () => db.execute(sql`truncate timeline_entries, fanout_jobs, fanout_chunks, posts cascade`)

    async function ours() {
      await empty()
      await enqueue(db, Array.from({ length: jobs }, nextAuthor), nextId)
      await db.execute(sql`analyze posts, fanout_jobs`)
      return measured(jobs, () => drainWith(db, NO_PUSH, 2))
    }
    async function peer() {
      await empty()
      await boss.insert(Array.from({ length: jobs }, () => ({ activityId: String(nextId()), authorId: String(nextAuthor()) })))
      await db.execute(sql`analyze`)
      return measured(jobs, async () => {
        const all = Promise.withResolvers<void>()
        let done = 0
        const worker = await boss.work(async (batch, execute) => {
          await execute(FAN_OUT, [idsOf(batch.map(({ authorId }) => authorId)), idsOf(batch.map(({ activityId }) => activityId))])
          done += batch.length
          if (done >= jobs) all.resolve()
        })
        await all.promise
        void worker.stop()
      })
    }
    const post = (write: (tx: Queryable, authorId: bigint) => Promise<unknown>) => async () => {
      await empty()
      return measured(posts, async () => {
        let left = posts
        const send = async () => {
          while (left-- > 0) await durable.db.transaction((tx) => write(tx, nextAuthor()))
        }
        await Promise.all(Array.from({ length: SENDERS }, send))
      })
    }
    const forms = [
      { title: OURS, peer: BOSS, run: ours },
      { title: BOSS, peer: BOSS, run: peer },
      {
        title: POST,
        peer: ALONE,
        run: post((tx, authorId) => insertActivity(tx, { id: nextId(), authorId, text: TEXT, root: null })),
      },
      { title: ALONE, peer: ALONE, run: post((tx, authorId) => insertPost(tx, nextId(), authorId)) },
    ]
    return {
      round: (round) => beside(forms, round),
      async close() {
        await boss.close()
        await durable.close()
        await fast.close()
        await database.drop()
      },
    }
  },
}

const TEXT = 'A calm line about the harbour in the morning, as long as the posts of people are who write one in a hurry between two trains'

const FAN_OUT = `
  insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
  select viewer_id, n.id, n.author_id, null, null, null from unnest($1::bigint[], $2::bigint[]) n(author_id, id)
    join push_edges e on e.author_id = n.author_id order by 1, 2`
const idsOf = (ids: readonly string[]): string => `{${ids.join()}}`

/** What `insertActivity` does for a post, the log of activities included, without the job and its turn: the same round trips and locks. */
async function insertPost(tx: Queryable, id: bigint, authorId: bigint): Promise<void> {
  const logged = logEntry({ kind: 'post', actorId: authorId, postId: id, audience: 'public' }, sql`from post`)
  const named = prepared(tx)
  const lock = sql`select 1 from authors, ${takeTurn([authorId])} where author_id = ${authorId} for update of authors`
  const write = sql`
    with author as (
      update authors set post_version = post_version + 1, last_post_id = greatest(last_post_id, ${id}::bigint),
        unpushed = unpushed or hot or route = 'pull'
      where author_id = ${authorId} and exists (select from users where id = ${authorId} and deleted_at is null and suspended_at is null)
      returning author_id, post_version, route, hot
    ), post as (
      insert into posts (id, author_id, text, root_id, root_author_id, mode, audience)
      select ${id}::bigint, ${authorId}::bigint, ${TEXT}::text, null, null,
        case when route = 'pull' then 'pull' when hot then 'hot' else 'push' end, 'public'
      from author returning mode
    ), log as (${logged}
    )
    select post_version, case when private then 'followers' else 'public' end as audience,
      private and not exists (select from posts where author_id = ${authorId} and deleted_at is null) as first_for_followers
    from author join users on id = author_id`
  await Promise.all([named.execute(lock), named.execute(write)])
}
