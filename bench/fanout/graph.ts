import { sql } from 'drizzle-orm'
import { createClient } from 'redis'
import { firstIdAt } from '../../contract/ids.ts'
import { encodeList } from '../../contract/l2/codec.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import { encodeValue } from '../../contract/l2/value.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import type { Say } from '../../dev/progress.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'
import type { Store } from '../cache/world.ts'

/** Groups of authors by what fan-out does with them: how many there are, and how many follow each. */
export const GROUPS = {
  /** Taken in batches. */
  small: { authors: 20_000, followers: [30, 150] },
  /** Of the bar on lanes. */
  modest: { authors: 2_000, followers: [300, 300] },
  /** A chunk or two each. */
  big: { authors: 200, followers: [5_000, 10_000] },
  /** Twenty chunks each. */
  huge: { authors: 25, followers: [100_000, 100_000] },
} as const satisfies Record<string, { readonly authors: number; readonly followers: readonly [number, number] }>
export type Group = keyof typeof GROUPS

const QUICK_SHARE = 8
/** A power of two, so that any odd step visits all. */
const VIEWERS = 131_072
/** Rows of each timeline before anything is measured: 20 million, an index of 0.8 GB. */
const ROWS_EACH = 152
const DAY_MS = 86_400_000
const PREFIX = 'tideline:'
/** As an origin that measures: its statements are bounded by the bench. */
const STATEMENT_TIMEOUT_MS = 600_000

/**
 * The database that scenarios share: viewers who all read, authors of four sizes whom viewers drawn evenly follow, and timelines filled in the
 * order of time, so that inserts find what they find in production: a B-tree that is large, three quarters full and hit everywhere.
 */
export interface Graph {
  readonly url: string
  readonly db: Database
  /** Of everybody. */
  readonly viewers: readonly bigint[]
  readonly authors: Readonly<Record<Group, readonly bigint[]>>
  /** Every timeline in L2, whole and fresh, as after a fill: nothing pushed yet. Answers how many. */
  fillL2(): Promise<number>
  emptyL2(): Promise<void>
  /** Another pool; the caller closes it. `synchronous` false: as fan-out workers commit. */
  connect(maxConnections: number, synchronous?: boolean): Connection
  /** Ids of new activities, each later than any before. */
  nextId(): bigint
  /** Removes jobs, chunks and what else queues. */
  clearQueue(): Promise<void>
  close(): Promise<void>
}

interface Parts {
  readonly url: string
  readonly store: Store
  readonly quick: boolean
  readonly say: Say
}

export async function makeGraph({ url, store, quick, say }: Parts): Promise<Graph> {
  const share = quick ? QUICK_SHARE : 1
  const viewerCount = VIEWERS / share
  const rowsEach = quick ? 40 : ROWS_EACH
  const open = (maxConnections: number, synchronous = true) =>
    connect(synchronous ? url : `${url}?synchronous_commit=off`, {
      maxConnections,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      applicationName: 'bench',
    })
  const connection = open(4, false)
  const { db } = connection
  const groups = Object.entries(GROUPS).map(([name, { authors, followers }]) => ({
    name: name as Group,
    authors: Math.ceil(authors / share),
    followers: followers.map((count) => Math.min(count, Math.floor(viewerCount * 0.8))) as [number, number],
  }))
  const users = viewerCount + groups.reduce((sum, { authors }) => sum + authors, 0)

  say(`the graph: ${users.toLocaleString('en-US')} users`)
  // Ids over four years, of several machines.
  const firstMs = Date.now() - 4 * 365 * DAY_MS
  const step = (firstIdAt(Date.now() - DAY_MS) - firstIdAt(firstMs)) / BigInt(users)
  await db.execute(sql`create table numbered (number integer, id bigint)`)
  await db.execute(sql`
    insert into numbered select n, ${firstIdAt(firstMs)}::bigint + n * ${step}::bigint + (hashint8(n) & 16383) from generate_series(0, ${users - 1}) n`)
  await db.execute(sql`create unique index on numbered (number) include (id)`)
  await db.execute(sql`insert into users (id, handle, name) select id, 'user' || number, 'User ' || number from numbered`)
  await db.execute(sql`insert into authors (author_id) select id from numbered`)
  await db.execute(sql`
    insert into viewers (viewer_id, enrolled_at, last_active_at) select id, now(), now() from numbered where number < ${viewerCount}`)

  const authors: Record<string, bigint[]> = {}
  let first = viewerCount
  for (const { name, authors: count, followers } of groups) {
    const [least, most] = followers
    const rows = await db.execute<{ author_id: bigint }>(sql`
      update authors set follower_count = ${least} + (hashint8(author_id) & 2147483647) % ${most - least + 1}
      from numbered where author_id = id and number >= ${first} and number < ${first + count} returning author_id`)
    authors[name] = rows.map((row) => row.author_id)
    first += count
  }
  // An odd step visits every viewer once before it comes back: followers of one author differ, and lie anywhere.
  const edges = await withoutIndexes(db, 'push_edges', ['push_edges_of_viewer'], () =>
    db.execute(sql`
      insert into push_edges (author_id, viewer_id)
      select author_id, v.id from authors cross join lateral generate_series(0, follower_count - 1) k
        join numbered v on v.number = (((hashint8(author_id)::bigint & 1048575) + k::bigint * ((hashint8(author_id # 7)::bigint & 1048575) * 2 + 1)) & ${viewerCount - 1})
      where follower_count > 0 order by 1, 2`),
  )
  say(`${edges.count.toLocaleString('en-US')} edges`)

  const anyAuthor = sql`(select array_agg(id order by number) from numbered where number >= ${viewerCount})`
  const rows = await withoutIndexes(
    db,
    'timeline_entries',
    [],
    () =>
      db.execute(sql`
        with pool as materialized (select ${anyAuthor} as ids, ${users - viewerCount}::integer as size)
        insert into timeline_entries (viewer_id, activity_id, author_id, root_id, root_author_id, audience)
        select id, activity, ids[1 + (hashint8(activity) & 2147483647) % size],
          case when number % 7 = 0 then activity - (1::bigint << 40) end, case when number % 7 = 0 then ids[1 + (hashint8(activity # 1) & 2147483647) % size] end, null
        from generate_series(${-rowsEach}, -1) r cross join numbered cross join pool
          cross join lateral (select ${firstIdAt(Date.now() - DAY_MS)}::bigint + r * (600000::bigint << 22) + (number::bigint << 22) + 4096) a(activity)
        where number < ${viewerCount}`),
    75,
  )
  say(`${rows.count.toLocaleString('en-US')} rows of timelines`)
  await db.execute(sql`vacuum analyze`)
  const viewers = (await db.execute<{ id: bigint }>(sql`select id from numbered where number < ${viewerCount} order by number`)).map(
    ({ id }) => id,
  )
  say('the tables are vacuumed')

  let lastId = firstIdAt(Date.now() - DAY_MS)
  return {
    url,
    db,
    viewers,
    authors: authors as Record<Group, bigint[]>,
    connect: open,
    nextId: () => (lastId += 4_097n),
    fillL2: () => fillL2(store.redis.url, viewers, authors.small ?? []),
    emptyL2: () => store.redis.flush(),
    async clearQueue() {
      await db.execute(sql`truncate fanout_jobs, fanout_chunks, invalidations`)
    },
    close: () => connection.close(),
  }
}

/** Builds a table's indexes after its rows: ten times quicker. `fillfactor` leaves the primary key as full as random inserts do. */
async function withoutIndexes<T>(
  db: Database,
  table: string,
  names: readonly string[],
  fill: () => Promise<T>,
  fillfactor = 90,
): Promise<T> {
  const quoted = sql.identifier(table)
  const key = sql.identifier(`${table}_pkey`)
  const [primary] = await db.execute<{ definition: string }>(sql`
    select pg_get_constraintdef(oid) as definition from pg_constraint where conname = ${`${table}_pkey`}`)
  const others = await db.execute<{ name: string; definition: string }>(sql`
    select indexname as name, indexdef as definition from pg_indexes where tablename = ${table} and indexname in ${[...names, '']}`)
  await db.execute(sql`alter table ${quoted} drop constraint ${key}`)
  for (const { name } of others) await db.execute(sql`drop index ${sql.identifier(name)}`)
  const filled = await fill()
  await db.execute(sql`alter table ${quoted} add constraint ${key} ${sql.raw(`${primary?.definition} with (fillfactor = ${fillfactor})`)}`)
  await db.execute(sql`alter index ${key} reset (fillfactor)`)
  for (const { definition } of others) await db.execute(sql.raw(definition))
  return filled
}

/** Of one call. */
const KEYS = 1_000

async function fillL2(redisUrl: string, viewers: readonly bigint[], authors: readonly bigint[]): Promise<number> {
  const newest = firstIdAt(Date.now())
  const payload = encodeList({
    completeSince: String(newest - (BigInt(40 * DAY_MS) << 22n)),
    candidates: [],
    entries: Array.from({ length: TIMELINE_CAP }, (_, i) => ({
      activityId: String(newest - (BigInt(i * 137_000) << 22n)),
      actorId: String(authors[(i * i) % authors.length]),
      audience: 'public' as const,
    })),
  })
  const endsAtMs = Date.now() + DAY_MS
  const text = encodeValue({
    softExpiresAtMs: endsAtMs,
    hardExpiresAtMs: endsAtMs,
    graceEndsAtMs: endsAtMs,
    deltaMs: 0,
    truth: 1,
    stamp: 1,
    tailLength: 0,
    payload,
  })
  const client = createClient({ url: redisUrl }).on('error', () => {})
  await client.connect()
  try {
    for (let at = 0; at < viewers.length; at += KEYS) {
      const keys = viewers.slice(at, at + KEYS).map((id) => `${PREFIX}${keyOf.timeline(String(id))}`)
      await client.eval("for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end", { keys, arguments: [text] })
    }
  } finally {
    client.destroy()
  }
  return viewers.length
}
