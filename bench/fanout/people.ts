import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../contract/ids.ts'
import { type Connection, connect, type Database } from '../../origin/db/client.ts'

const DAY_MS = 86_400_000
/** What the bench asks of a database may take long (milliseconds). */
const STATEMENT_TIMEOUT_MS = 600_000

/** A pool; the caller closes it. `synchronous` false: as fan-out workers commit. */
export const openPool = (url: string, maxConnections: number, synchronous = true): Connection =>
  connect(synchronous ? url : `${url}?synchronous_commit=off`, {
    maxConnections,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    applicationName: 'bench',
  })

/** A group of authors: how many of them, and how many followers each has at least and at most. */
interface Wish<Name extends string> {
  readonly name: Name
  readonly authors: number
  readonly followers: readonly [number, number]
}

/** Fills an empty database with viewers, a power of two, and authors whom they follow. */
export async function populate<Name extends string>(
  db: Database,
  viewerCount: number,
  groups: readonly Wish<Name>[],
): Promise<{ readonly viewers: bigint[]; readonly authors: Record<Name, bigint[]> }> {
  const users = viewerCount + groups.reduce((sum, { authors }) => sum + authors, 0)
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
    insert into viewers (viewer_id, enrolled_at, last_active_at, present_until)
    select id, now(), now(), now() + interval '1 day' from numbered where number < ${viewerCount}`)
  const authors = {} as Record<Name, bigint[]>
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
  await withoutIndexes(db, 'push_edges', ['push_edges_of_viewer'], () =>
    db.execute(sql`
      insert into push_edges (author_id, viewer_id)
      select author_id, v.id from authors cross join lateral generate_series(0, follower_count - 1) k
        join numbered v on v.number = (((hashint8(author_id)::bigint & 1048575) + k::bigint * ((hashint8(author_id # 7)::bigint & 1048575) * 2 + 1)) & ${viewerCount - 1})
      where follower_count > 0 order by 1, 2`),
  )
  await db.execute(sql`vacuum analyze`)
  const rows = await db.execute<{ id: bigint }>(sql`select id from numbered where number < ${viewerCount} order by number`)
  return { viewers: rows.map(({ id }) => id), authors }
}

/** Builds a table's indexes after its rows: ten times quicker. `fillfactor` leaves the primary key as full as random inserts do. */
export async function withoutIndexes<T>(
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
