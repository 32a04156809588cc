import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EPOCH_MS, isId, mintedAtMs } from '../../../../contract/ids.ts'
import { nextSnowflake, type SnowflakeState } from '../../../../origin/ids/snowflake.ts'

const NOW_MS = 1_763_700_000_000
const START: SnowflakeState = { lastMs: 0, sequence: 0 }
const PER_MS = 4_096
const machine = fc.nat({ max: 1_023 })
/** What the clock does between two ids (milliseconds): mostly nothing or a little, now and then a step back or a jump. */
const steps = fc.array(
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0, 0, 0, 1, 2) }, { weight: 1, arbitrary: fc.integer({ min: -3_000, max: 3_000 }) }),
  { maxLength: 300 },
)

/** The ids minted while the clock makes these steps; where minting is refused nothing is minted. */
function minted(machineId: number, clockSteps: readonly number[], start = START): bigint[] {
  const ids: bigint[] = []
  let state = start
  let nowMs = NOW_MS
  for (const step of clockSteps) {
    nowMs += step
    const next = nextSnowflake(state, machineId, nowMs)
    if (!next) continue
    state = next.state
    ids.push(next.id)
  }
  return ids
}

test('ids only ever rise, whatever the clock does', () =>
  fc.assert(
    fc.property(machine, steps, (machineId, clockSteps) => {
      const ids = minted(machineId, clockSteps)
      for (const [i, id] of ids.entries()) if (i > 0) expect(id).toBeGreaterThan(ids[i - 1] ?? 0n)
    }),
  ))

test('two machines never make the same id', () =>
  fc.assert(
    fc.property(fc.uniqueArray(machine, { minLength: 2, maxLength: 4 }), steps, (machines, clockSteps) => {
      const ids = machines.flatMap((machineId) => minted(machineId, clockSteps))
      expect(new Set(ids).size).toBe(ids.length)
    }),
  ))

test('no id runs more than a second ahead of the clock', () =>
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: -2_000, max: 2_000 }),
      fc.integer({ min: 0, max: PER_MS - 1 }),
      (clockSteps, aheadMs, sequence) => {
        let state: SnowflakeState = { lastMs: NOW_MS + aheadMs, sequence }
        let nowMs = NOW_MS
        for (const step of clockSteps) {
          nowMs += step
          const next = nextSnowflake(state, 1, nowMs)
          if (!next) continue
          state = next.state
          expect(mintedAtMs(String(next.id))).toBeLessThanOrEqual(nowMs + 1_000)
          expect(mintedAtMs(String(next.id))).toBeGreaterThanOrEqual(nowMs)
        }
      },
    ),
  ))

test('what is minted is an id of the contract, and says when', () => {
  const [id] = minted(1_023, [0])
  expect(isId(String(id))).toBe(true)
  expect(mintedAtMs(String(id))).toBe(NOW_MS)
  expect(BigInt(NOW_MS - EPOCH_MS) << 22n).toBe((id ?? 0n) & ~0x3fffffn)
})

describe('a burst', () => {
  test('gets 4,096 ids in a millisecond and borrows the next from the millisecond to come', () => {
    const ids = minted(7, Array(PER_MS + 1).fill(0))
    expect(ids.filter((id) => mintedAtMs(String(id)) === NOW_MS)).toHaveLength(PER_MS)
    expect(mintedAtMs(String(ids.at(-1)))).toBe(NOW_MS + 1)
    expect(new Set(ids).size).toBe(PER_MS + 1)
  })

  test('is refused when it has borrowed a second, and goes on when the clock has caught up', () => {
    const last = { lastMs: NOW_MS + 1_000, sequence: PER_MS - 2 }
    const next = nextSnowflake(last, 7, NOW_MS)
    expect(next?.state).toEqual({ lastMs: NOW_MS + 1_000, sequence: PER_MS - 1 })
    expect(nextSnowflake(next?.state ?? last, 7, NOW_MS)).toBeUndefined()
    expect(nextSnowflake(next?.state ?? last, 7, NOW_MS + 1)?.state).toEqual({ lastMs: NOW_MS + 1_001, sequence: 0 })
  })
})

describe('a clock that steps back', () => {
  test('by up to a second goes on from the last millisecond', () => {
    const state = { lastMs: NOW_MS, sequence: 5 }
    expect(nextSnowflake(state, 7, NOW_MS - 1_000)?.state).toEqual({ lastMs: NOW_MS, sequence: 6 })
  })

  test('by more is refused', () => {
    expect(nextSnowflake({ lastMs: NOW_MS, sequence: 5 }, 7, NOW_MS - 1_001)).toBeUndefined()
  })
})
