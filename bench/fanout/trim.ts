import { sql } from 'drizzle-orm'
import { TIMELINE_CAP } from '../../contract/timeline.ts'
import { type Database, prepared } from '../../origin/db/client.ts'
import { TRIM_SHARE } from '../../origin/db/jobs.ts'
import { trimTimelines } from '../../origin/db/timelines.ts'
import { TRIMMED_TOGETHER } from '../../origin/fanout/worker.ts'
import type { Figures } from '../cache/scenario.ts'
import { costOf } from './cost.ts'
import { openPool, populate } from './people.ts'
import { bar, inTurn, type Scenario } from './scenario.ts'

const ALONE = 'insert alone'
const TRIMMED = `insert, and one timeline in ${TRIM_SHARE} trimmed`
const EXACT = 'insert, and every timeline trimmed at once'

const VIEWERS = 4_096
/** A tenth of a timeline: when autovacuum comes by, as the table asks it to. */
const VACUUM_AFTER = 80
/** Entries that each timeline gets in a round: what a trim takes back on average. */
const ENTRIES = TRIM_SHARE

export const trim: Scenario = {
  name: 'trim',
  title: 'Trim to 800 in steady state',
  about: `Timelines of 800 rows and up to ${2 * TRIM_SHARE} more, as they are in steady state; each activity is inserted for all ${VIEWERS} viewers in one statement, synchronous_commit off. Trimmed is with the fan-out's own statement between the inserts, for one in ${TRIM_SHARE} of their viewers. Without it the table grows, as it does where nobody trims. VACUUM after each tenth of a timeline counts on all sides.`,
  columns: [
    { figure: 'perS', title: 'entries/s' },
    { figure: 'ratio', title: 'to insert alone' },
    { figure: 'walBytes', title: 'WAL per entry', unit: ' B' },
  ],
  bars: [bar(TRIMMED, 'ratio', { atLeast: 0.65 }, 'trim included at least 0.65 of the insert alone')],
  async open(world) {
    const count = world.quick ? VIEWERS / 8 : VIEWERS
    const forms = [
      { title: ALONE, share: 0 },
      { title: TRIMMED, share: TRIM_SHARE },
      { title: EXACT, share: 1 },
    ]
    const sides = await Promise.all(
      forms.map(async ({ title, share }) => {
        const database = await world.emptyDatabase()
        const pool = openPool(database.url, 1, false)
        const { viewers } = await populate(pool.db, count, [{ name: 'small', authors: 1, followers: [0, 0] }])
        await fill(pool.db)
        return { title, share, database, pool, viewers, next: 1_000_000n }
      }),
    )
    async function run(side: (typeof sides)[number]): Promise<Readonly<Record<string, number>>> {
      const { db } = side.pool
      const activities = side.share === 1 ? ENTRIES / 20 : ENTRIES
      const cost = await costOf(db, world.postgres.pid, async () => {
        const toTrim: bigint[] = []
        for (let i = 0; i < activities; i++) {
          const id = ++side.next
          await insert(db, id)
          if (side.share > 0) toTrim.push(...side.viewers.filter((_, n) => (n + i) % side.share === 0))
          if (toTrim.length >= TRIMMED_TOGETHER) await trimTimelines(db, toTrim.splice(0).map(String), TIMELINE_CAP)
          if (i % VACUUM_AFTER === VACUUM_AFTER - 1) await vacuum(db)
        }
      })
      const entries = activities * count
      return { perS: entries / cost.seconds, walBytes: cost.walBytes / entries }
    }
    return {
      async round(round) {
        const found: Record<string, Readonly<Record<string, number>>> = {}
        for (const side of inTurn(sides, round)) found[side.title] = await run(side)
        const alone = found[ALONE]?.perS ?? Number.NaN
        return Object.fromEntries(
          forms.map(({ title }): [string, Figures] => [title, { ...found[title], ratio: (found[title]?.perS ?? Number.NaN) / alone }]),
        )
      },
      async close() {
        for (const { pool, database } of sides) {
          await pool.close()
          await database.drop()
        }
      },
    }
  },
}

/** 800 rows each and up to 160 more, as trims that come in turn leave them. */
async function fill(db: Database): Promise<void> {
  await db.execute(sql`
    insert into timeline_entries (viewer_id, activity_id, author_id)
    select viewer_id, 1000000 - n, 1 from viewers cross join lateral generate_series(0, ${TIMELINE_CAP - 1} + (hashint8(viewer_id) & 2147483647) % ${TRIM_SHARE}) n
    order by n desc, hashint8(viewer_id)`)
  await vacuum(db)
  await db.execute(sql`analyze timeline_entries`)
}

/** Pages are marked as visible to all only once the commits of their rows are on disk: a commit that waits for it goes before. */
async function vacuum(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local synchronous_commit = on`)
    await tx.execute(sql`update viewers set complete_since = complete_since where viewer_id = (select min(viewer_id) from viewers)`)
  })
  await db.execute(sql`vacuum timeline_entries`)
}

const insert = (db: Database, id: bigint) =>
  prepared(db).execute(sql`
    insert into timeline_entries (viewer_id, activity_id, author_id) select viewer_id, ${id}::bigint, 1 from viewers order by viewer_id`)
