import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../contract/ids.ts'
import type { Say } from '../../dev/progress.ts'
import type { Connection, Database } from '../../origin/db/client.ts'
import type { Store } from '../cache/world.ts'
import { openPool, populate, withoutIndexes } from './people.ts'
import { fillL2 } from './timelines.ts'

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
  const open = (maxConnections: number, synchronous = true) => openPool(url, maxConnections, synchronous)
  const connection = open(4, false)
  const { db } = connection
  const groups = Object.entries(GROUPS).map(([name, { authors, followers }]) => ({
    name: name as Group,
    authors: Math.ceil(authors / share),
    followers: followers.map((count) => Math.min(count, Math.floor(viewerCount * 0.8))) as [number, number],
  }))
  const users = viewerCount + groups.reduce((sum, { authors }) => sum + authors, 0)

  say(`the graph: ${users.toLocaleString('en-US')} users`)
  const { viewers, authors } = await populate(db, viewerCount, groups)
  say('its edges are there')

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
  await db.execute(sql`checkpoint`)
  say('the tables are vacuumed')

  let lastId = firstIdAt(Date.now() - DAY_MS)
  return {
    url,
    db,
    viewers,
    authors,
    connect: open,
    nextId: () => (lastId += 4_097n),
    fillL2: () => fillL2(store.redis.url, viewers, authors.small),
    emptyL2: () => store.redis.flush(),
    async clearQueue() {
      await db.execute(sql`truncate fanout_jobs, fanout_chunks, invalidations`)
    },
    close: () => connection.close(),
  }
}
