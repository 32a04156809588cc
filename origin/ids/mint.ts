import { nextSnowflake, type SnowflakeState } from './snowflake.ts'

/** Where machine ids are leased; `origin/db/machines.ts` in real life. */
export interface MachineStore {
  claim(owner: string, leaseMs: number): Promise<Claim | undefined>
  renew(lease: { machineId: number; owner: string; leaseMs: number; highWaterMs: number }): Promise<{ databaseNowMs: number } | undefined>
  release(machineId: number, owner: string, highWaterMs: number): Promise<void>
}
interface Claim {
  readonly machineId: number
  readonly highWaterMs: number
  readonly databaseNowMs: number
}

export interface MintClock {
  /** Wall clock, epoch milliseconds. */
  nowMs(): number
  /** A clock that never steps and runs on while the process is paused, milliseconds. */
  monotonicMs(): number
}

/** Why a process may not mint. */
export class CannotMint extends Error {
  override readonly name = 'CannotMint'
}

export interface Mint {
  /** The leased machine id; another one after the lease was lost. */
  readonly machineId: number
  /** Whether `mint` would give one now. */
  readonly able: boolean
  /** A new id. Throws `CannotMint` when the lease has run out or the clock is not to be trusted. */
  mint(): bigint
  /** Extends the lease, or leases another machine id where it was lost; to be called every `RENEW_EVERY_MS`. */
  renew(): Promise<void>
  /** Gives the machine id back. */
  close(): Promise<void>
}

export const LEASE_MS = 30_000
export const RENEW_EVERY_MS = 5_000
/** Minting stops this long before the lease ends: a pause between the check and the use must not outlive it. */
const MARGIN_MS = 5_000
/** The clock may be this far from Postgres'. */
const MAX_SKEW_MS = 1_000

/** Leases a machine id and mints with it. Deadlines are monotonic: a process that was paused finds its lease gone. */
export async function openMint(store: MachineStore, clock: MintClock, owner: string): Promise<Mint> {
  let machineId = -1
  let state: SnowflakeState = { lastMs: 0, sequence: 0 }
  let mintUntilMs = 0
  /** How far Postgres' clock is ahead of the monotonic one, and how exactly that is known. */
  let databaseAheadMs = 0
  let roundTripMs = 0

  /** Notes what an answer of the store allows, counted from the moment it was asked. */
  function allow(databaseNowMs: number, askedAtMs: number): void {
    databaseAheadMs = databaseNowMs - clock.monotonicMs()
    roundTripMs = clock.monotonicMs() - askedAtMs
    mintUntilMs = askedAtMs + LEASE_MS - MARGIN_MS
  }

  /** How far the wall clock is from Postgres' now: a step between two renewals is seen at once. */
  const skewAtMs = (nowMs: number): number => Math.max(0, Math.abs(nowMs - databaseAheadMs - clock.monotonicMs()) - roundTripMs)

  async function claim(): Promise<void> {
    const askedAtMs = clock.monotonicMs()
    const claimed = await store.claim(owner, LEASE_MS)
    if (!claimed) throw new CannotMint('all 1,024 machine ids are leased; stop a process or wait half a minute')
    machineId = claimed.machineId
    state = { lastMs: Math.max(claimed.highWaterMs, state.lastMs), sequence: 4095 }
    allow(claimed.databaseNowMs, askedAtMs)
  }

  /** Why no id may be minted at `nowMs`, undefined when one may. */
  function obstacleAt(nowMs: number): string | undefined {
    if (clock.monotonicMs() >= mintUntilMs) return 'the lease of the machine id has run out'
    const skewMs = skewAtMs(nowMs)
    return skewMs > MAX_SKEW_MS ? `the clock is ${Math.round(skewMs)} ms away from Postgres'` : undefined
  }

  await claim()
  return {
    get machineId() {
      return machineId
    },
    get able() {
      return obstacleAt(clock.nowMs()) === undefined
    },
    mint() {
      const nowMs = clock.nowMs()
      const obstacle = obstacleAt(nowMs)
      if (obstacle !== undefined) throw new CannotMint(obstacle)
      const next = nextSnowflake(state, machineId, nowMs)
      if (!next) throw new CannotMint('the clock stepped back, or ids are asked for faster than 4,096 per millisecond')
      state = next.state
      return next.id
    },
    async renew() {
      const askedAtMs = clock.monotonicMs()
      const renewed = await store.renew({ machineId, owner, leaseMs: LEASE_MS, highWaterMs: state.lastMs })
      if (renewed) allow(renewed.databaseNowMs, askedAtMs)
      else {
        mintUntilMs = 0 // another process may hold it already
        await claim()
      }
    },
    async close() {
      mintUntilMs = 0
      await store.release(machineId, owner, state.lastMs)
    },
  }
}
