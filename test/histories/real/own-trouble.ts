import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { keyOf } from '../../../contract/l2/keys.ts'
import type { Database } from '../../../origin/db/client.ts'
import { insertInvalidations } from '../../../origin/db/invalidations.ts'
import { retireViewers } from '../../../origin/db/viewers.ts'
import { eventually } from '../../support/eventually.ts'
import type { Stack } from '../../support/stack.ts'

const DORMANT_DAYS = 30
const PAID_MS = 60_000
/** How long what is posted is late (milliseconds). */
const LATE_FOR_MS = 1_000

/** Lets the jobs of some authors wait. */
export async function prepareLateFanOut(db: Database): Promise<void> {
  await db.execute(sql`create table late_authors (author_id bigint primary key, late interval not null)`)
  await db.execute(sql`
    create function run_late() returns trigger language plpgsql as $$ begin
      new.run_at := coalesce((select now() + late from late_authors l where l.author_id = new.author_id), new.run_at);
      return new;
    end $$`)
  await db.execute(sql`create trigger run_late before insert on fanout_jobs for each row execute function run_late()`)
}

/** Trouble that meets the people of one history only. Each resolves when it is over. */
export function createOwnTrouble({ db, l2Url, l2Token }: Stack, mine: () => readonly string[]) {
  const mineAsSql = () =>
    sql.join(
      mine().map((id) => sql`${id}::bigint`),
      sql`, `,
    )
  async function untilNone(rows: ReturnType<typeof sql>): Promise<void> {
    await eventually(
      async () => {
        if ((await db.execute(rows)).length > 0) throw new Error('it is not over yet')
      },
      PAID_MS,
      100,
    )
  }

  return {
    /** Redis evicts some of what these people have there. */
    async loseKeys(share: number): Promise<void> {
      const keys = mine().flatMap((id) => [
        keyOf.timeline(id),
        keyOf.viewer(id),
        keyOf.user(id),
        keyOf.author(id, 'public'),
        keyOf.author(id, 'followers'),
      ])
      const lost = keys.filter(() => Math.random() < share).map((key) => `tideline:${key}`)
      if (lost.length === 0) return
      await fetch(l2Url, { method: 'POST', headers: { authorization: `Bearer ${l2Token}` }, body: JSON.stringify(['DEL', ...lost]) })
    },

    /** What these people post within a second waits so long for its fan-out (milliseconds). */
    async fanOutLate(lateMs: number): Promise<void> {
      await db.execute(sql`
        insert into late_authors select id, make_interval(secs => ${lateMs / 1_000}) from users where id in (${mineAsSql()}) on conflict do nothing`)
      await sleep(LATE_FOR_MS)
      await db.execute(sql`delete from late_authors where author_id in (${mineAsSql()})`)
      await sleep(lateMs)
      await untilNone(sql`select 1 from fanout_jobs where author_id in (${mineAsSql()}) and run_at < now()`)
    },

    /** Somebody did not read for a month: nothing is pushed to them, and their timeline left L2 long ago. */
    async fallDormant(viewerId: string): Promise<void> {
      await db.transaction(async (tx) => {
        await tx.execute(
          sql`update viewers set last_active_at = now() - make_interval(days => ${DORMANT_DAYS + 1}) where viewer_id = ${viewerId}`,
        )
        await retireViewers(tx, DORMANT_DAYS, 100)
        const [row] = await tx.execute<{ truth: bigint }>(sql`
          update viewers set follow_version = follow_version + 1 where viewer_id = ${viewerId} returning follow_version as truth`)
        const key = keyOf.timeline(viewerId)
        if (row) await insertInvalidations(tx, [{ key, truth: Number(row.truth), replacement: null }])
      })
      await untilNone(sql`select 1 from invalidations where done_at is null and key = ${keyOf.timeline(viewerId)}`)
    },
  }
}
