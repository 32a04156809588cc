/** 2010-11-04T01:42:54.657Z; the same moment as `EPOCH_MS` of the contract, which this room may not import. */
const EPOCH_MS = 1_288_834_974_657
const MAX_SEQUENCE = 4095
/** How far ids may run ahead of the clock: a burst beyond 4,096 ids in a millisecond borrows from the next ones. */
const MAX_AHEAD_MS = 1_000

export interface SnowflakeState {
  readonly lastMs: number
  readonly sequence: number
}

/**
 * The next id and state, or undefined when ids would run more than a second ahead of the clock. Time never goes back: after a
 * small step back of the clock, or below the predecessor's high-water mark, minting goes on from the last millisecond.
 */
export function nextSnowflake(
  state: SnowflakeState,
  machineId: number,
  nowMs: number,
): { readonly id: bigint; readonly state: SnowflakeState } | undefined {
  const full = state.sequence >= MAX_SEQUENCE
  const next: SnowflakeState =
    nowMs > state.lastMs
      ? { lastMs: nowMs, sequence: 0 }
      : { lastMs: full ? state.lastMs + 1 : state.lastMs, sequence: full ? 0 : state.sequence + 1 }
  if (next.lastMs > nowMs + MAX_AHEAD_MS) return undefined
  const id = (BigInt(next.lastMs - EPOCH_MS) << 22n) | (BigInt(machineId) << 12n) | BigInt(next.sequence)
  return { id, state: next }
}
