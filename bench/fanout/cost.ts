import { readdirSync, readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import type { Database } from '../../origin/db/client.ts'

/** What some work cost. */
export interface Cost {
  readonly seconds: number
  /** CPU seconds of Postgres, all its processes; NaN where there is no /proc. */
  readonly postgresCpuS: number
  /** CPU seconds of this process. */
  readonly nodeCpuS: number
  readonly walBytes: number
}

/** Runs `work` and tells what it cost. `postmaster` is the process id of the server. */
export async function costOf(db: Database, postmaster: number, work: () => Promise<unknown>): Promise<Cost> {
  const before = await look()
  await work()
  const after = await look()
  const cost = (key: keyof Cost) => after[key] - before[key]
  return { seconds: cost('seconds'), postgresCpuS: cost('postgresCpuS'), nodeCpuS: cost('nodeCpuS'), walBytes: cost('walBytes') }

  async function look(): Promise<Cost> {
    const [row] = await db.execute<{ bytes: string }>(sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`)
    const { user, system } = process.cpuUsage()
    return {
      seconds: performance.now() / 1_000,
      postgresCpuS: cpuOfTree(postmaster),
      nodeCpuS: (user + system) / 1e6,
      walBytes: Number(row?.bytes),
    }
  }
}

/** The same per thing done: how many a second, and what each took. */
export const perPiece = ({ seconds, postgresCpuS, nodeCpuS, walBytes }: Cost, count: number) => ({
  perS: count / seconds,
  postgresUs: (postgresCpuS / count) * 1e6,
  nodeUs: (nodeCpuS / count) * 1e6,
  walBytes: walBytes / count,
})

const TICKS_PER_S = 100

/** CPU seconds of a process, its children and those of them that have ended. Linux alone has /proc. */
export function cpuOfTree(pid: number): number {
  const root = statOf(String(pid))
  if (!root) return Number.NaN
  const children = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(name) ?? []) : []))
  return [root, ...children.filter(({ parent }) => parent === pid)].reduce((ticks, one) => ticks + one.ticks, 0) / TICKS_PER_S
}

function statOf(pid: string): { readonly parent: number; readonly ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) }
  } catch {
    return undefined
  }
}
