import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../contract/ids.ts'
import { mulberry32 } from '../../dev/random.ts'
import { idsIn } from '../../origin/db/chunks.ts'
import type { Database } from '../../origin/db/client.ts'
import { insertActivity } from '../../origin/db/posts.ts'
import { eventually } from '../../test/support/eventually.ts'
import { startOriginProcess } from '../../test/support/origin-process.ts'
import { sum } from '../cache/statistics.ts'
import { environmentOf } from './origin.ts'
import { openPool, populate } from './people.ts'
import { bar, type Scenario } from './scenario.ts'
import { fillL2, readL2 } from './timelines.ts'

const OURS = 'our workers'
const KILLS = 200
/** Processes that run, and die, at a time. */
const PLACES = 4
/** A process lives at most so long after it began to work (milliseconds). */
const LIFE_MS = 400
/** Jobs waiting at any time: nobody dies idle. */
const WAITING = 40
const SEED = 20_261_121

export const kill: Scenario = {
  name: 'kill',
  title: 'Workers killed at random instants',
  about: `${PLACES} origin processes at a time fan out posts of authors of 30 to 4,000 followers, and every one of them is ended by SIGKILL up to ${LIFE_MS} ms after it began to work, seed ${SEED}; then one is started and left alone. Rows are compared with the edges, and with what the timelines in L2 hold, all of which were present when it began; "resumed" is how long that last one took until nothing was queued or owed. A push may be repeated: readers drop doubles, and so does this count; that no row is doubled is the primary key's doing.`,
  columns: [
    { figure: 'kills', title: 'killed' },
    { figure: 'expected', title: 'entries' },
    { figure: 'lost', title: 'lost' },
    { figure: 'lostInL2', title: 'lost in L2' },
    { figure: 'doubled', title: 'doubled' },
    { figure: 'stray', title: 'of nobody' },
    { figure: 'resumedS', title: 'resumed', unit: ' s' },
  ],
  bars: [
    bar(OURS, 'lost', { atMost: 0 }, '0 entries lost'),
    bar(OURS, 'lostInL2', { atMost: 0 }, '0 of a timeline present in L2'),
    bar(OURS, 'doubled', { atMost: 0 }, '0 doubled'),
    bar(OURS, 'resumedS', { atMost: 60 }, 'resumes alone', ' s'),
  ],
  mostRounds: 1,
  async open(world) {
    const database = await world.emptyDatabase()
    const { db, close } = openPool(database.url, 8)
    const { viewers, authors } = await populate(db, 8_192, [
      { name: 'small', authors: 400, followers: [30, 150] },
      { name: 'large', authors: 20, followers: [2_500, 4_000] },
    ])
    await db.execute(sql`insert into follows (follower_id, followee_id) select viewer_id, author_id from push_edges`)
    await fillL2(world.store.redis.url, viewers, authors.small)
    const everybody = [...authors.small, ...authors.large]
    const environment = { ...environmentOf(database.url, world.store), CHUNK_SIZE: '500' }
    const chance = mulberry32(SEED)
    let id = firstIdAt(Date.now())
    let stopped = false
    async function keepBusy(): Promise<void> {
      while (!stopped) {
        const [row] = await db.execute<{ count: number }>(sql`select count(*)::int as count from fanout_jobs`)
        const authors = Array.from(
          { length: WAITING - (row?.count ?? 0) },
          () => everybody[Math.floor(chance() * everybody.length)] as bigint,
        )
        await Promise.all(
          authors.map((authorId) => db.transaction((tx) => insertActivity(tx, { id: ++id, authorId, text: 'a post', root: null }))),
        )
        await sleep(20)
      }
    }
    async function killInTurn(kills: number): Promise<void> {
      for (let i = 0; i < kills; i++) {
        const origin = await startOriginProcess(environment)
        await sleep(chance() * LIFE_MS)
        await origin.kill()
      }
    }
    return {
      async round() {
        const kills = world.quick ? 8 : KILLS
        const busy = keepBusy()
        await Promise.all(Array.from({ length: PLACES }, () => killInTurn(kills / PLACES)))
        stopped = true
        await busy
        const startedAtMs = performance.now()
        const survivor = await startOriginProcess(environment)
        try {
          await eventually(async () => {
            const [left] = await db.execute<{ jobs: number; debts: number }>(sql`
              select (select count(*)::int from fanout_jobs) as jobs, (select count(*)::int from fanout_chunks where pushed_at is null) as debts`)
            if (left && left.jobs + left.debts > 0) throw new Error(`${left.jobs} jobs and ${left.debts} debts are left`)
          }, 120_000)
        } finally {
          await survivor.kill()
        }
        const resumedS = (performance.now() - startedAtMs) / 1_000
        const [found] = await db.execute<{ expected: number; lost: number; doubled: number; stray: number }>(sql`
          with expected as (select p.id as activity_id, e.viewer_id from posts p join push_edges e using (author_id)),
            rows as (select activity_id, viewer_id, count(*) as times from timeline_entries group by 1, 2)
          select count(e.viewer_id)::int as expected, (count(*) filter (where r.viewer_id is null))::int as lost,
            (count(*) filter (where times > 1))::int as doubled, (count(*) filter (where e.viewer_id is null))::int as stray
          from expected e full join rows r on r.activity_id = e.activity_id and r.viewer_id = e.viewer_id`)
        return { [OURS]: { kills, ...found, lostInL2: await lostInL2(db, world.store.redis.url), resumedS } }
      },
      async close() {
        stopped = true
        await close()
        await database.drop()
      },
    }
  },
}

/** Entries of rows that a timeline present in L2 lacks. One that was dropped, because much was pushed to it, lacks nothing: its next reader fills it. */
async function lostInL2(db: Database, redisUrl: string): Promise<number> {
  const rows = await db.execute<{ viewer_id: bigint; ids: string }>(sql`
    select viewer_id, string_agg(activity_id::text, '') as ids from timeline_entries group by 1`)
  const timelines = await readL2(
    redisUrl,
    rows.map(({ viewer_id }) => viewer_id),
  )
  return sum(rows.map(({ ids }, i) => (timelines[i] ? idsIn(ids).filter((id) => !timelines[i]?.has(id)).length : 0)))
}
