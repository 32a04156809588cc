import { nextSnowflake, type SnowflakeState } from '../../../origin/ids/snowflake.ts'
import type { HistoryClock } from '../clock.ts'
import { type Network, never } from './network.ts'

/** What the origin waits for Redis (milliseconds). */
export const L2_DEADLINE_MS = 250
/** Beyond this a process refuses to mint: its clock is not Postgres' (milliseconds). */
const MAX_SKEW_MS = 1_000

/** A process of the origin: it acts in steps, and dies between two of them. */
export interface Process {
  readonly machineId: number
  readonly alive: boolean
  /** How far its clock is ahead of Postgres' (milliseconds). */
  skewMs: number
  /** The next chunk is held up for so long before it is cut, or between its rows and its push (milliseconds). */
  cutLateMs: number
  pushLateMs: number
  draining: boolean
  /** What is held up is held up once. */
  takeLate(what: 'cutLateMs' | 'pushLateMs'): number
  /** A transaction, at one instant. Never resolves in a process that died before it or after it. */
  step<T>(work: () => T): Promise<T>
  /** A call to L2. */
  callL2<T>(call: () => Promise<T>): Promise<T>
  /** A new id; undefined where the clock is not to be trusted. */
  mint(): string | undefined
  /** It dies in so many steps. */
  dieIn(steps: number): void
}

export function createProcess(machineId: number, clock: HistoryClock, network: Network, died: () => void): Process {
  let alive = true
  let stepsLeft = Number.POSITIVE_INFINITY
  let state: SnowflakeState = { lastMs: 0, sequence: 4_095 }
  /** True where the process goes on. */
  function survives(): boolean {
    if (alive && --stepsLeft <= 0) {
      alive = false
      died()
    }
    return alive
  }
  const process: Process = {
    machineId,
    get alive() {
      return alive
    },
    skewMs: 0,
    cutLateMs: 0,
    pushLateMs: 0,
    draining: false,
    takeLate(what) {
      const ms = process[what]
      process[what] = 0
      return ms
    },
    async step(work) {
      await clock.sleep(network.transactionMs())
      if (!survives()) return never()
      const result = work()
      return survives() ? result : never()
    },
    async callL2(call) {
      if (!survives()) return never()
      try {
        const answer = await call()
        return survives() ? answer : never()
      } catch (error) {
        if (survives()) throw error
        return never()
      }
    },
    mint() {
      if (Math.abs(process.skewMs) > MAX_SKEW_MS) return undefined
      const next = nextSnowflake(state, machineId, Math.floor(clock.nowMs() + process.skewMs))
      if (!next) return undefined
      state = next.state
      return String(next.id)
    },
    dieIn(steps) {
      stepsLeft = Math.min(stepsLeft, steps)
      if (steps === 0) survives()
    },
  }
  return process
}
