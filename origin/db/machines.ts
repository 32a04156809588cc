import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

/** The store of `origin/ids/mint.ts`. */
export const machineStore = (db: Queryable) => ({
  claim: (owner: string, leaseMs: number) => claimMachine(db, owner, leaseMs),
  renew: (lease: Parameters<typeof renewMachine>[1]) => renewMachine(db, lease),
  release: (machineId: number, owner: string, highWaterMs: number) => releaseMachine(db, machineId, owner, highWaterMs),
})

/** The leases of machine ids. All times are Postgres' `now()`. */

export interface MachineLease {
  readonly machineId: number
  /** No id may be minted at or below this moment (epoch milliseconds). */
  readonly highWaterMs: number
  /** Postgres' clock when it answered (epoch milliseconds). */
  readonly databaseNowMs: number
}

/**
 * Leases the machine id that has been free the longest, or undefined when all are taken. An unreleased lease is left alone for
 * two more seconds: its owner's clock may be a second off.
 */
export async function claimMachine(db: Queryable, owner: string, leaseMs: number): Promise<MachineLease | undefined> {
  const [row] = await db.execute<{ machine_id: number; high_water_ms: bigint; now_ms: string }>(sql`
    with free as (
      select machine_id from machines
      where owner is null or lease_until < now() - interval '2 seconds'
      order by lease_until, machine_id limit 1 for update skip locked
    )
    update machines m set owner = ${owner}, lease_until = now() + make_interval(secs => ${leaseMs / 1000})
    from free where m.machine_id = free.machine_id
    returning m.machine_id, m.high_water_ms, extract(epoch from clock_timestamp()) * 1000 as now_ms`)
  return row && { machineId: row.machine_id, highWaterMs: Number(row.high_water_ms), databaseNowMs: Number(row.now_ms) }
}

/** Extends a lease and keeps the high-water mark; undefined when it is no longer ours. */
export async function renewMachine(
  db: Queryable,
  lease: { readonly machineId: number; readonly owner: string; readonly leaseMs: number; readonly highWaterMs: number },
): Promise<{ readonly databaseNowMs: number } | undefined> {
  const [row] = await db.execute<{ now_ms: string }>(sql`
    update machines set lease_until = now() + make_interval(secs => ${lease.leaseMs / 1000}),
      high_water_ms = greatest(high_water_ms, ${lease.highWaterMs}::bigint)
    where machine_id = ${lease.machineId} and owner = ${lease.owner} and lease_until > now()
    returning extract(epoch from clock_timestamp()) * 1000 as now_ms`)
  return row && { databaseNowMs: Number(row.now_ms) }
}

/** Gives a machine id back with the last millisecond that was minted. */
export async function releaseMachine(db: Queryable, machineId: number, owner: string, highWaterMs: number): Promise<void> {
  await db.execute(sql`
    update machines set owner = null, lease_until = now(), high_water_ms = greatest(high_water_ms, ${highWaterMs}::bigint)
    where machine_id = ${machineId} and owner = ${owner}`)
}

/** Ends the leases of owners who died without giving them back; true where there were any. */
export async function buryMachines(tx: Queryable): Promise<boolean> {
  const dead = await tx.execute(sql`
    update machines set owner = null where owner is not null and lease_until < now() - interval '2 seconds' returning 1`)
  return dead.length > 0
}
