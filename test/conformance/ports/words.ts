import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stored } from '../../../worker/cache/entry.ts'
import type { LeaseAnswer, SharedTier, Wanted } from '../../../worker/cache/ports.ts'
import { eventually } from './case.ts'

export interface SharedTierSubject {
  readonly tier: SharedTier
  /** The clock by which its values live, in epoch milliseconds; that of the platform where left out. */
  readonly nowMs?: () => number
  /** Lets time pass on that clock. */
  readonly pass?: (ms: number) => Promise<void>
}

const HOUR_MS = 3_600_000
/** A lease or a value that is to run out soon, though not before the next call (milliseconds). */
export const SOON_MS = 4_000
/** Later than the soft end of anything. */
export const NEVER_MS = 9_999_999_999_999

/** What the cases say, in terms of one key at a time. Keys are new for each case, so that the tier need not be emptied. */
export function speak({ tier, nowMs = () => Date.now(), pass = sleep }: SharedTierSubject) {
  const run = crypto.randomUUID()
  const keyOf = (name: string): string => `${run}:${name}`
  /** A lease token: 22 characters. */
  const tokenOf = (loader: number): string => String(loader).padStart(22, 't')
  function storedOf(payload: string | null, { truth = 1, livesMs = HOUR_MS } = {}): Stored {
    const now = nowMs()
    const life = {
      softExpiresAtMs: now + Math.ceil(livesMs / 3),
      hardExpiresAtMs: now + Math.ceil(livesMs / 2),
      graceEndsAtMs: now + livesMs,
      deltaMs: 40,
    }
    return { life, truth, stamp: 0, payload }
  }
  const wantedOf = (name: string, seen: Partial<Wanted> = {}): Wanted => {
    return { key: keyOf(name), leastTruth: 0, beatsSoftEndMs: nowMs(), seenSoftEndMs: 0, seenStamp: 0, ...seen }
  }
  async function lease(name: string, loader: number, seen: Partial<Wanted> = {}, leaseMs = 60_000): Promise<LeaseAnswer> {
    const [answer] = await tier.lease([wantedOf(name, seen)], tokenOf(loader), leaseMs)
    assert(answer, 'lease answered nothing')
    return answer
  }
  const stateOf = async (...asked: Parameters<typeof lease>) => (await lease(...asked)).state
  const fill = async (name: string, loader: number, stored: Stored) => (await tier.fill([{ key: keyOf(name), stored }], tokenOf(loader)))[0]
  return {
    tier,
    keyOf,
    tokenOf,
    storedOf,
    wantedOf,
    lease,
    stateOf,
    fill,
    read: async (name: string) => (await tier.read([keyOf(name)]))[0],
    release: (names: readonly string[], loader: number, restMs: number) => tier.release(names.map(keyOf), tokenOf(loader), restMs),
    invalidate: (name: string, truth: number) => tier.invalidate([{ key: keyOf(name), truth }]),
    /** Leases whatever there is, and fills; answers what is stored now. */
    async put(name: string, payload: string | null, wish: { truth?: number; livesMs?: number } = {}): Promise<Stored> {
      const stored = storedOf(payload, wish)
      await lease(name, 99, { beatsSoftEndMs: NEVER_MS })
      const filled = await fill(name, 99, stored)
      assert(filled, `the fill of ${name} was refused`)
      return { ...stored, stamp: filled.stamp }
    },
    eventually: (check: () => Promise<void>) => eventually(check, pass),
  }
}
export type Words = ReturnType<typeof speak>
