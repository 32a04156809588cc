import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { eventually } from '../../support/eventually.ts'
import type { Fault } from '../log.ts'
import { watchMachine } from './machine.ts'
import type { Parts } from './parts.ts'

/** Trouble that meets every history on the parts at once. */
export type Blow =
  | { readonly does: 'kill origin process'; readonly place: number }
  | { readonly does: 'Redis restarts'; readonly from: number }
  | { readonly does: 'restart edge'; readonly place: number }
  | { readonly does: 'flush Redis' }
  | { readonly does: 'replica lag'; readonly ms: number }

/** After a blow all debts are to be paid within this (milliseconds). */
const HEALS_MS = 60_000

/** Deals out blows, and notes when each began and when all it had done was repaired. */
export function createConductor(parts: Parts) {
  const { stack } = parts
  const faults: Fault[] = []
  const judges: Fault[][] = [faults]
  const nowMs = (): number => performance.timeOrigin + performance.now()
  const tellAll = (fault: Fault) => {
    for (const judge of judges) judge.push(fault)
  }
  const machine = watchMachine(parts, nowMs, tellAll)

  async function momentNow(): Promise<string> {
    const [row] = await stack.db.execute<{ moment: string }>(sql`select clock_timestamp()::text as moment`)
    return row?.moment ?? ''
  }
  /** Everything that was owed at this moment has been paid. */
  async function untilPaid(): Promise<void> {
    const moment = await momentNow()
    await eventually(
      async () => {
        const [owed] = await stack.db.execute<{ count: number }>(sql`
          select (select count(*) from fanout_jobs where run_at < ${moment}::timestamptz)
            + (select count(*) from fanout_chunks where pushed_at is null and inserted_at < ${moment}::timestamptz)
            + (select count(*) from invalidations where done_at is null and created_at < ${moment}::timestamptz)
            + (select count(*) from backfills where due_at < ${moment}::timestamptz + interval '5 seconds') as count`)
        if (Number(owed?.count) > 0) throw new Error(`${owed?.count} debts are not paid`)
      },
      HEALS_MS,
      100,
    )
  }
  /** Every origin has asked Redis for its counter since: of two beats that it noted, the second was asked for after the first. */
  async function untilBeaten(): Promise<void> {
    const moment = await momentNow()
    await eventually(
      async () => {
        const rows = await stack.db.execute(
          sql`select machine_id from beats where at > ${moment}::timestamptz group by machine_id having count(*) >= 2`,
        )
        if (rows.length < parts.origins.length) throw new Error(`only ${rows.length} origins have beaten`)
      },
      HEALS_MS,
      100,
    )
  }

  async function deal(blow: Blow): Promise<void> {
    switch (blow.does) {
      case 'kill origin process':
        await parts.restartOrigin(blow.place)
        return untilPaid()
      case 'Redis restarts':
        await stack.redis.restart()
        await untilBeaten()
        return untilPaid()
      case 'restart edge':
        return parts.restartEdge(blow.place)
      case 'flush Redis':
        await stack.redis.flush()
        return untilBeaten()
      case 'replica lag':
        stack.facade.setReplicaLagMs(blow.ms)
    }
  }

  return {
    /** What a judge is to know: the blows until now and those to come, beside trouble of its own history. */
    join(): Fault[] {
      const own = [...faults, machine.stall]
      judges.push(own)
      return own
    },
    leave: (own: Fault[]): void => void judges.splice(judges.indexOf(own), 1),
    stop: machine.stop,
    /** The blows as lines of a story that began at this moment (epoch milliseconds). */
    told: (startedAtMs: number): string[] =>
      faults.flatMap(({ what, fromMs, toMs }) => [
        lineOf(fromMs - startedAtMs, `ALL: ${what}`),
        lineOf(toMs - startedAtMs, `ALL: over: ${what}`),
      ]),
    async strike(blow: Blow): Promise<void> {
      const fault = { what: JSON.stringify(blow), fromMs: nowMs(), toMs: Number.POSITIVE_INFINITY }
      if (blow.does === 'Redis restarts') {
        await stack.redis.save()
        await sleep(blow.from)
      }
      if (blow.does !== 'replica lag') tellAll(fault)
      await deal(blow)
      fault.toMs = nowMs()
    },
  }
}

const lineOf = (ms: number, what: string): string => `${(ms / 1_000).toFixed(3).padStart(8)} s  ${what}`
