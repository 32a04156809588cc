import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'
import { LOCKS } from './locks.ts'
import { pruneSweeps, restartSweeps } from './sweeps.ts'

/** What is asked and noted so that an L2 that lost writes is found out and repaired. */

/** Notes how many writes of a machine Redis has acknowledged by now. */
export async function noteBeat(db: Queryable, machineId: number, beat: number): Promise<void> {
  await db.execute(sql`insert into beats (machine_id, beat) values (${machineId}, ${beat}) on conflict (machine_id, at) do nothing`)
}

/**
 * The moment of the last beat that Redis still remembers, as seconds ago: everything since then may be lost. Undefined when no such
 * beat was kept.
 */
export async function secondsSinceBeat(db: Queryable, machineId: number, beat: number): Promise<number | undefined> {
  const [row] = await db.execute<{ ago: string }>(sql`
    select extract(epoch from now() - at) as ago from beats
    where machine_id = ${machineId} and beat <= ${beat} order by at desc limit 1`)
  return row && Number(row.ago)
}

/** How long ago anybody noted a beat (seconds); 0 where nobody ever did. */
export async function secondsOfSilence(db: Queryable): Promise<number> {
  const [row] = await db.execute<{ ago: string }>(sql`select coalesce(extract(epoch from now() - max(at)), 0) as ago from beats`)
  return Number(row?.ago ?? 0)
}

/** Forgets the beats of a machine that Redis has forgotten, once what they stood for is owed again. */
export async function forgetBeats(db: Queryable, machineId: number, above: number): Promise<void> {
  await db.execute(sql`delete from beats where machine_id = ${machineId} and beat > ${above}`)
}

/** Redis lost the writes of the last seconds: what was pushed and invalidated since then is owed again. Answers how much. */
export async function oweAgain(tx: Queryable, seconds: number): Promise<number> {
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCKS.recovery})`)
  const since = sql`now() - make_interval(secs => ${seconds})`
  const chunks = await tx.execute(sql`update fanout_chunks set pushed_at = null, due_at = now() where pushed_at > ${since} returning 1`)
  const invalidations = await tx.execute(sql`update invalidations set done_at = null, due_at = now() where done_at > ${since} returning 1`)
  await restartSweeps(tx)
  return chunks.length + invalidations.length
}

/** Every machine that ever wrote to L2, with the last count that was acknowledged. */
export async function lastBeats(db: Queryable): Promise<{ readonly machineId: number; readonly beat: number }[]> {
  const rows = await db.execute<{ machine_id: number; beat: bigint }>(sql`
    select distinct on (machine_id) machine_id, beat from beats order by machine_id, at desc`)
  return rows.map((row) => ({ machineId: row.machine_id, beat: Number(row.beat) }))
}

/**
 * Forgets what no recovery can ask for any more. Not to be called before this process has recovered at its start: after a night without any
 * process that asks for what was written before the night. The last beat of a machine stays: by it a loss is found after any silence. */
export async function prune(db: Queryable): Promise<void> {
  await db.execute(sql`delete from fanout_chunks where pushed_at < now() - interval '2 hours'`)
  await db.execute(sql`delete from invalidations where done_at < now() - interval '2 hours'`)
  await db.execute(sql`
    delete from beats b where at < now() - interval '2 hours' and exists (
      select from beats later where later.machine_id = b.machine_id and later.at > b.at)`)
  await pruneSweeps(db)
  await db.execute(sql`delete from departures where left_at < now() - interval '25 hours'`)
  await db.execute(sql`delete from idempotency_keys where created_at < now() - interval '24 hours'`)
}
