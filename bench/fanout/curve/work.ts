import { readdirSync, readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import type { Queryable } from '../../../origin/db/client.ts'

/** What some statements cost the database. */
export interface Work {
  /** CPU seconds of all its processes: backends, WAL writer, checkpointer, background writer. */
  readonly cpuS: number
  readonly walBytes: number
  /** CPU seconds of Redis. */
  readonly redisCpuS: number
}

export interface Meter {
  /** What `act` cost. Nothing else may run meanwhile. */
  measure(act: () => Promise<void>): Promise<Work>
}

/** Reads the clocks of processes. Linux alone tells them (/proc). Who ends meanwhile is left out. */
export function createMeter(db: Queryable, pids: { readonly postmaster: number; readonly redis: number }): Meter {
  const look = async () => {
    const [row] = await db.execute<{ bytes: string }>(sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`)
    const server = [
      String(pids.postmaster),
      ...readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pids.postmaster),
    ]
    return { cpuS: new Map(server.map((pid) => [pid, cpuOf(Number(pid))])), walBytes: Number(row?.bytes), redisCpuS: cpuOf(pids.redis) }
  }
  return {
    async measure(act) {
      const before = await look()
      await act()
      const after = await look()
      return {
        cpuS: [...after.cpuS].reduce((sum, [pid, cpuS]) => sum + cpuS - (before.cpuS.get(pid) ?? 0), 0),
        walBytes: after.walBytes - before.walBytes,
        redisCpuS: after.redisCpuS - before.redisCpuS,
      }
    },
  }
}

/** CPU seconds of the children of a process that have ended. */
export function cpuOfEnded(pid: number): number {
  const TICKS_PER_S = 100
  const fields = statOf(String(pid))
  return (Number(fields?.[13]) + Number(fields?.[14])) / TICKS_PER_S
}

/** CPU seconds of a process with one thread, by the scheduler's clock: /proc/pid/stat counts hundredths. */
export function cpuOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    return 0
  }
}

const parentOf = (pid: string): number => Number(statOf(pid)?.[1])

/** What follows the name of a process. */
function statOf(pid: string): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
