import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../contract/ids.ts'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { type Database, idArray, prepared, type Queryable } from '../../origin/db/client.ts'
import { inTimelines, rebuild, unwrittenTimelineOf } from '../../origin/db/rebuilds.ts'
import { enrol } from '../../origin/db/viewers.ts'
import { mulberry32 } from '../../test/support/random.ts'
import type { Figures } from '../cache/scenario.ts'
import { quantile } from '../cache/statistics.ts'
import { openPool, populate } from './people.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'
import { drainWith, enqueue, NO_PUSH } from './sides.ts'

const SIZES = [5_000, 500, 50] as const
const ours = (size: number): string => `following ${size.toLocaleString('en-US')}`
const plain = (size: number): string => `following ${size.toLocaleString('en-US')}, plain LATERAL`

const AUTHORS = 40_000
const POSTS_EACH = 20
const DAYS = 7
const READERS = 12
const DAY_MS = 86_400_000
/** Posts that wait for fan-out at a time, while rebuilds are measured. */
const JOBS = 500

/** The newest 800 posts of who was away, read from the posts, while a fan-out worker runs at full speed. */
export const rebuilds: Scenario = {
  name: 'rebuild',
  title: 'Cold rebuild of 800 entries',
  about: `${AUTHORS.toLocaleString('en-US')} authors, of whom half posted in the last ${DAYS} days, ${POSTS_EACH} posts each on average but very unequally, one in fifty deleted again; a fan-out worker drains a queue that never ends on another connection. Ours is the query whose answer a returning reader gets; beside it what enrolling and writing the rows takes, which nobody waits for. The plain side asks each followee for the newest 800 posts (LATERAL) and keeps the newest 800 of all; both answer the same lines, which is checked.`,
  columns: [
    { figure: 'p50', title: 'query, p50', unit: ' ms' },
    { figure: 'p99', title: 'worst of a round', unit: ' ms' },
    { figure: 'ratio', title: 'to plain LATERAL' },
    { figure: 'enrol', title: 'enrolment, p50', unit: ' ms' },
    { figure: 'write', title: 'the rows written, p50', unit: ' ms' },
  ],
  bars: [
    ...SIZES.map((size, i) =>
      bar(ours(size), 'p50', { atMost: [40, 20, 10][i] ?? 0 }, `${ours(size)}: at most ${[40, 20, 10][i]} ms`, ' ms'),
    ),
    bar(ours(5_000), 'ratio', { atMost: 0.2 }, 'at most 0.2 of a plain LATERAL at 5,000'),
  ],
  async open(world) {
    const database = await world.emptyDatabase()
    const pool = openPool(database.url, 4)
    const { db } = pool
    const authorCount = world.quick ? 8_000 : AUTHORS
    world.say('rebuild: authors, posts and readers')
    const { authors } = await populate(db, 8_192, [
      { name: 'followees', authors: authorCount, followers: [0, 0] },
      { name: 'posting', authors: 5_000, followers: [30, 150] },
    ])
    await makePosts(db, authors.followees)
    const readers = new Map<number, bigint[]>()
    for (const size of SIZES) readers.set(size, await makeReaders(db, size, READERS))
    await db.execute(sql`vacuum analyze`)
    for (const size of SIZES) {
      const [viewerId = 0n] = readers.get(size) ?? []
      const { entries } = await unwrittenTimelineOf(db, viewerId, TIMELINE_CAP)
      const [a, b] = [entries.map(({ activityId }) => activityId), (await plainTimelineOf(db, viewerId)).map(String)]
      if (a.join() !== b.join()) throw new Error(`the two answer something else (${size})`)
    }
    let lastId = firstIdAt(Date.now())
    const load = startLoad(database.url, authors.posting, () => (lastId += 4_097n))
    return {
      async round(round) {
        const found: Record<string, Figures> = {}
        for (const size of inTurn(SIZES, round)) {
          const viewers = readers.get(size) ?? []
          const tookMs: Record<'ours' | 'plain' | 'enrol' | 'write', number[]> = { ours: [], plain: [], enrol: [], write: [] }
          for (const viewerId of viewers) {
            await db.execute(sql`update viewers set enrolled_at = null where viewer_id = ${viewerId}`)
            await db.execute(sql`delete from push_edges where viewer_id = ${viewerId}`)
            tookMs.enrol.push(await timed(() => db.transaction((tx) => enrol(tx, viewerId))))
            for (const side of inTurn(['ours', 'plain'] as const, round))
              tookMs[side].push(
                await timed(() =>
                  side === 'ours' ? unwrittenTimelineOf(prepared(db), viewerId, TIMELINE_CAP) : plainTimelineOf(prepared(db), viewerId),
                ),
              )
            tookMs.write.push(await timed(() => db.transaction((tx) => rebuild(prepared(tx), viewerId, TIMELINE_CAP))))
          }
          const p50 = { ours: quantile(tookMs.ours, 0.5), plain: quantile(tookMs.plain, 0.5) }
          const beside = { enrol: quantile(tookMs.enrol, 0.5), write: quantile(tookMs.write, 0.5) }
          found[ours(size)] = { p50: p50.ours, p99: quantile(tookMs.ours, 0.99), ratio: p50.ours / p50.plain, ...beside }
          found[plain(size)] = { p50: p50.plain, p99: quantile(tookMs.plain, 0.99) }
        }
        return found
      },
      async close() {
        await load.stop()
        await pool.close()
        await database.drop()
      },
    }
  },
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

async function plainTimelineOf(db: Queryable, viewerId: bigint): Promise<bigint[]> {
  const rows = await db.execute<{ id: bigint }>(sql`
    select p.id, p.author_id, p.root_id, p.root_author_id, case when u.private then 'followers' else p.audience end
    from follows f join authors a on a.author_id = f.followee_id join users u on u.id = f.followee_id cross join lateral (
      select * from posts where author_id = f.followee_id and deleted_at is null and ${inTimelines(sql`posts`, sql`a`)} order by id desc limit ${TIMELINE_CAP}) p
    where f.follower_id = ${viewerId} order by p.id desc limit ${TIMELINE_CAP}`)
  return rows.map(({ id }) => id)
}

/** Half of the authors have been silent for weeks; of the others few post much. */
export async function makePosts(db: Database, authorIds: readonly bigint[]): Promise<void> {
  const newest = firstIdAt(Date.now() - 60_000)
  const week = BigInt(DAYS * DAY_MS) << 22n
  await db.execute(sql`
    insert into posts (id, author_id, text, mode, deleted_at)
    select ${newest}::bigint - (case when rank % 2 = 0 then ${4n * week}::bigint else 0 end) - (age * ${week}::bigint)::bigint, author_id, 'a post', 'push',
      case when (hashint8(author_id # k) & 2147483647) % 50 = 0 then now() end
    from unnest(${idArray(authorIds)}) with ordinality a(author_id, rank)
      cross join lateral generate_series(1, least(2000, ceil(${POSTS_EACH} * 0.5 * power(${authorIds.length} / rank::float8, 0.5)))::int) k
      cross join lateral (select (hashint8extended(author_id, k) & 9007199254740991) / 9007199254740992.0::float8 as age) d
    on conflict do nothing`)
  await db.execute(sql`
    update authors a set last_post_id = p.newest from (select author_id, max(id) as newest from posts group by author_id) p where a.author_id = p.author_id`)
}

/** Readers who have never read, each following so many authors drawn evenly. */
export async function makeReaders(db: Database, size: number, count: number): Promise<bigint[]> {
  const random = mulberry32(size)
  const made: bigint[] = []
  for (let i = 0; i < count; i++) {
    const id = firstIdAt(Date.now() - 30 * DAY_MS) + BigInt(Math.floor(random() * 2 ** 40))
    await db.execute(sql`insert into users (id, handle, name) values (${id}, ${`reader${id}`}, 'A reader')`)
    await db.execute(sql`insert into authors (author_id) values (${id})`)
    await db.execute(sql`insert into viewers (viewer_id) values (${id})`)
    await db.execute(sql`
      insert into follows (follower_id, followee_id)
      select ${id}::bigint, author_id from authors where last_post_id > 0 order by hashint8(author_id # ${id}::bigint) limit ${size}`)
    made.push(id)
  }
  return made
}

/** A fan-out worker that never runs out of work, on connections of its own. */
function startLoad(url: string, authors: readonly bigint[], nextId: () => bigint): { readonly stop: () => Promise<void> } {
  const pool = openPool(url, 2, false)
  let stopping = false
  let next = 0
  const work = (async () => {
    while (!stopping) {
      await enqueue(
        pool.db,
        Array.from({ length: JOBS }, () => authors[next++ % authors.length] as bigint),
        nextId,
      )
      await drainWith(pool.db, NO_PUSH, 1)
    }
  })()
  return {
    async stop() {
      stopping = true
      await work.finally(() => pool.close())
    },
  }
}
