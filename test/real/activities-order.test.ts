import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { deleteAccount, setPrivate, setSuspended } from '../../origin/db/accounts.ts'
import { activitiesBetween, inTurn, type LogPosition, lastTurn, logActivity, logFacts } from '../../origin/db/activities.ts'
import { deleteBlock, insertBlock } from '../../origin/db/blocks.ts'
import { type Connection, connect, type Queryable } from '../../origin/db/client.ts'
import { acceptRequest } from '../../origin/db/follow-requests.ts'
import { deleteFollow, insertFollow } from '../../origin/db/follows.ts'
import { deleteLike, insertLike } from '../../origin/db/likes.ts'
import { deleteActivity, insertActivity } from '../../origin/db/posts.ts'
import { eventually } from '../support/eventually.ts'
import { makeUsers } from '../support/people.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let connection: Connection
/** `ada` has the higher id: what locks both in the order of their ids locks Ben first. */
let ben: bigint
let ada: bigint
beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'))
  connection = connect(database.url, { maxConnections: 4, statementTimeoutMs: 60_000, applicationName: 'test' })
  ;[ben = 0n, ada = 0n] = (await makeUsers(connection.db, 2)).map(BigInt)
})
afterAll(async () => {
  await connection?.close()
  await database?.drop()
})

/** A transaction that did this and waits; what it answers lets it commit. */
async function hold(work: (tx: Queryable) => Promise<unknown>): Promise<() => Promise<void>> {
  const [did, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const transaction = connection.db.transaction(async (tx) => {
    await work(tx)
    did.resolve()
    await mayCommit.promise
  })
  transaction.catch(did.reject)
  await did.promise
  return () => {
    mayCommit.resolve()
    return transaction
  }
}

const row = (table: 'viewers' | 'authors', id: string) => (tx: Queryable) =>
  tx.execute(sql`select 1 from ${sql.raw(table)} where ${sql.raw(id)} = ${ada} for update`)
/** What somebody else may hold of Ada: one of her rows, her graph, or herself, until she is deleted. */
const HELD = {
  viewer: row('viewers', 'viewer_id'),
  author: row('authors', 'author_id'),
  graph: (tx: Queryable) => tx.execute(sql`select 1 from ${inTurn([ada], [ada])}`),
  account: (tx: Queryable) => tx.execute(sql`select 1 from ${lastTurn(ada)}`),
}

/** Does this while somebody else holds that, and says whether it waited with a transaction id or without one. */
async function whileHeld(held: keyof typeof HELD, work: (tx: Queryable) => Promise<unknown>): Promise<'has an id' | 'has no id yet'> {
  const { db } = connection
  const release = await hold(HELD[held])
  const done = db.transaction(work)
  const waiting = await whoWaits().finally(release)
  await done
  return waiting
}

const waiters = () =>
  connection.db.execute<{ has_id: boolean }>(sql`
    select backend_xid is not null as has_id from pg_stat_activity 
    where datname = current_database() and wait_event_type = 'Lock' and backend_type = 'client backend'`)
/** Whether the one transaction that waits for a lock has an id: asked once more, because that view reads the id a moment before it reads who waits. */
async function whoWaits(): Promise<'has an id' | 'has no id yet'> {
  await eventually(async () => expect(await waiters()).toHaveLength(1))
  const [waiter] = await waiters()
  return waiter?.has_id ? 'has an id' : 'has no id yet'
}

const POST = 1_700_000_000_000_000_001n
const root = () => ({ id: POST, authorId: ben })
/** In an order in which each changes something; each waits for this, where another write must not come between. */
const WRITES: readonly (readonly [kind: string, held: keyof typeof HELD, work: (tx: Queryable) => Promise<unknown>])[] = [
  ['post', 'author', (tx) => insertActivity(tx, { id: POST + 1n, authorId: ada, text: 'mine', root: null })],
  ['delete', 'account', (tx) => deleteActivity(tx, POST + 1n, ada)],
  ['post', 'account', (tx) => insertActivity(tx, { id: POST + 3n, authorId: ada, text: 'another', root: null })],
  ['repost', 'viewer', (tx) => insertActivity(tx, { id: POST + 2n, authorId: ada, text: null, root: root() })],
  ['delete', 'viewer', (tx) => deleteActivity(tx, POST + 2n, ada)],
  ['like', 'viewer', (tx) => insertLike(tx, ada, POST)],
  ['unlike', 'viewer', (tx) => deleteLike(tx, ada, POST)],
  ['follow', 'graph', (tx) => insertFollow(tx, ada, ben)],
  ['unfollow', 'graph', (tx) => deleteFollow(tx, ada, ben)],
  ['follow', 'account', (tx) => insertFollow(tx, ben, ada)],
  ['unfollow', 'account', (tx) => deleteFollow(tx, ben, ada)],
  ['block', 'graph', (tx) => insertBlock(tx, ada, ben)],
  ['unblock', 'graph', (tx) => deleteBlock(tx, ada, ben)],
  ['block', 'graph', (tx) => insertBlock(tx, ben, ada)],
  ['unblock', 'graph', (tx) => deleteBlock(tx, ben, ada)],
  [
    'make-private',
    'author',
    async (tx) => {
      await setPrivate(tx, ada, true)
      await tx.execute(sql`insert into follow_requests (target_id, requester_id) values (${ada}, ${ben})`)
    },
  ],
  ['follow', 'account', (tx) => acceptRequest(tx, ada, ben)],
  ['make-public', 'account', (tx) => setPrivate(tx, ada, false)],
  ['suspend', 'author', (tx) => setSuspended(tx, ada, true)],
  ['restore', 'author', (tx) => setSuspended(tx, ada, false)],
  ['delete-account', 'graph', (tx) => deleteAccount(tx, ada)],
]

describe('the order of the log is that in which things took effect: who waits for another write has no transaction id yet', () => {
  beforeAll(async () => {
    await connection.db.transaction((tx) => insertActivity(tx, { id: POST, authorId: ben, text: 'his', root: null }))
  })

  test.for(WRITES)('%s, while the %s is held', async ([kind, held, work]) => {
    expect(await whileHeld(held, work)).toBe('has no id yet')
    const [last] = await connection.db.execute<{ kind: string }>(sql`select kind from activities order by xid desc, seq desc limit 1`)
    expect(last?.kind).toBe(kind)
  })

  test('negative twin: locks of rows alone give an id to who has not got all of them, and an UPDATE before it has any', async () => {
    const both = sql`(${ada}::bigint, ${ben}::bigint)`
    const lockBoth = (tx: Queryable) => tx.execute(sql`select 1 from viewers where viewer_id in ${both} order by viewer_id for update`)
    expect(await whileHeld('viewer', lockBoth)).toBe('has an id')
    const update = (tx: Queryable) => tx.execute(sql`update viewers set marks_version = marks_version where viewer_id = ${ada}`)
    expect(await whileHeld('viewer', update)).toBe('has an id')
  })

  test('nobody posts later because a follower cannot be had yet', async () => {
    const release = await hold(HELD.viewer)
    const following = connection.db.transaction((tx) => insertFollow(tx, ada, ben))
    try {
      await whoWaits()
      await connection.db.transaction(async (tx) => {
        await tx.execute(sql`set local lock_timeout = '5s'`)
        await insertActivity(tx, { id: POST + 9n, authorId: ben, text: 'at once', root: null })
      })
    } finally {
      await release()
    }
    await following
  })
})

describe('a row that commits late', () => {
  const log = (kind: 'like' | 'unlike', postId: bigint) => (tx: Queryable) => logActivity(tx, { kind, actorId: ben, postId })

  /** One page as consumers get it. */
  const read = (after: LogPosition, limit = 100) =>
    connection.db.transaction(
      async (tx) => {
        const { newest } = await logFacts(tx, after)
        const { activities, readTo } = await activitiesBetween(tx, { after, newest, limit, kinds: undefined })
        return { readTo, kinds: activities.map(({ kind, postId }) => `${kind} ${postId}`) }
      },
      { isolationLevel: 'repeatable read' },
    )

  /** Behind all that is logged: a transaction of another test on this server may hold the log back for a moment. */
  const endOfLog = () =>
    eventually(async () => {
      const { newest } = await logFacts(connection.db, undefined)
      expect(await connection.db.execute(sql`select 1 from activities where xid >= ${newest.xid}::xid8`)).toHaveLength(0)
      return newest
    }, 60_000)

  test('is never behind a reader, who sees nothing newer until it has committed', async () => {
    const start = await endOfLog()
    const commitLate = await hold(log('like', 1n))
    await connection.db.transaction(log('unlike', 2n))
    const meanwhile = await read(start)
    await commitLate()
    expect(meanwhile.kinds).toEqual([])
    // Other tests hold the log back as well, between these two too: transactions of the whole server do.
    await eventually(async () => expect((await read(meanwhile.readTo)).kinds).toEqual(['like 1', 'unlike 2']), 60_000)
  })

  test('negative twin: a reader who goes by the number of the row alone skips it for good', async () => {
    const { db } = connection
    const bySeq = async (after: bigint) => [
      ...(await db.execute<{ seq: bigint; kind: string }>(sql`select seq, kind from activities where seq > ${after} order by seq`)),
    ]
    const start = (await bySeq(0n)).at(-1)?.seq ?? 0n
    const commitLate = await hold(log('like', 3n))
    await db.transaction(log('unlike', 4n))
    const first = await bySeq(start)
    await commitLate()
    const rest = await bySeq(first.at(-1)?.seq ?? 0n)
    expect([...first, ...rest].map(({ kind }) => kind)).toEqual(['unlike'])
  })
})
