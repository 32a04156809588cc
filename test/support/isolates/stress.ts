import { expect } from 'vitest'
import type { Setup } from '../cache-worker/setup.ts'
import { eventually } from '../eventually.ts'
import { mulberry32 } from '../random.ts'
import type { IsolateCache } from './cache-client.ts'
import { type Errand, type Outcome, sendOver } from './connections.ts'
import type { CacheOrigin } from './origin.ts'

export const SEED = Number(process.env.SEED ?? 20_261_121)
/** Values that die soon keep the origin busy. L2's deadline is one that a busy machine does not reach: nothing comes in time to hide a break. */
export const STRESSED: Partial<Setup> = {
  lifetimes: { softMs: 300, hardMs: 500, graceMs: 0 },
  sharedDeadlineMs: 5_000,
  settings: { loadDeadlineMs: 1_000, maxLoads: 256 },
  quiet: true,
}
const KEYS = 500
/** How long an impatient client stays at most; half of them less than a quarter of it (milliseconds). */
const PATIENCE_MS = 150
/** Longer than any answer may take (milliseconds). */
const DEADLINE_MS = 25_000
/** What a reader is told of whose key nothing is left to serve, and whose load failed. */
const REASONS = /^Error: the origin answered 500$|^Error: no leader of \S+ survived$|^DeadlineExceeded: |^Overloaded: /
const names = Array.from({ length: KEYS }, (_, i) => `k${i}`)

export interface Stress {
  readonly seed: number
  readonly requests: number
  /** Share of the clients that leave where they are not answered soon. */
  readonly impatient: number
  readonly connections: number
  /** Ends what an impatient client handed to `waitUntil` as well: it dies wherever it is. */
  readonly cut?: true
}

export interface Damage {
  readonly seed: number
  /** Outcomes by their kind, answers by their status. */
  readonly counts: Readonly<Record<string, number>>
  /** What those were told who were refused. */
  readonly reasons: readonly string[]
  /** Answers of another key. */
  readonly strange: readonly string[]
}

/** What the origin says of a key, and when (epoch milliseconds). */
interface Value {
  readonly key: string
  readonly atMs: number
}

/** Sends readers of keys drawn by Zipf's law, some of whom are impatient, to an origin that is slow, fails 2 % of its loads and never answers 1 %. */
export async function sendStress(cache: IsolateCache, origin: CacheOrigin, stress: Stress): Promise<Damage> {
  const { seed, connections } = stress
  const random = mulberry32(seed + 1) // loads come in any order: apart from who reads what
  origin.setRule((key, place) => {
    const dice = place === 0 ? random() : 1 // one throw for the load
    if (dice < 0.01) return { hangs: true }
    if (dice < 0.03) return { status: 500 }
    return { value: { key, atMs: Date.now() }, delayMs: 40 + random() * 160 }
  })
  const errands = errandsOf(cache, stress)
  const loadsBefore = origin.loads('').length
  const outcomes = await sendOver(cache.base, errands, { connections, deadlineMs: DEADLINE_MS })
  const counts: Record<string, number> = {}
  const reasons = new Set<string>()
  const strange: string[] = []
  for (const [i, outcome] of outcomes.entries()) {
    const kind = outcome.type === 'answered' ? String(outcome.status) : outcome.type
    counts[kind] = (counts[kind] ?? 0) + 1
    if (kind === '503') reasons.add(toldIn<{ readonly error: string }>(outcome).error)
    if (kind !== '200') continue
    const { value } = toldIn<{ readonly value: Value }>(outcome)
    if (value.key !== new URL(errands[i]?.path ?? '', cache.base).searchParams.get('key')) strange.push(JSON.stringify(value))
  }
  console.log(`seed ${seed}, ${origin.loads('').length - loadsBefore} loads`, counts, [...reasons])
  return { seed, counts, reasons: [...reasons], strange }
}

const toldIn = <T>(outcome: Outcome): T => JSON.parse(outcome.type === 'answered' ? outcome.body : '{}')

function errandsOf(cache: IsolateCache, { seed, requests, impatient, cut }: Stress): Errand[] {
  const chance = mulberry32(seed)
  let total = 0
  const sums = names.map((_, i) => {
    total += (i + 1) ** -0.9
    return total
  })
  const drawn = (): string => {
    const at = chance() * total
    return names[sums.findIndex((sum) => sum >= at)] ?? ''
  }
  return Array.from({ length: requests }, () => {
    const name = drawn()
    if (chance() >= impatient) return { path: cache.pathOf('get', [name]) }
    return { path: cache.pathOf('get', [name], cut ? 0 : undefined), leavesAfterMs: chance() ** 2 * PATIENCE_MS }
  })
}

/** All were served, refused with a reason, or left; the origin heals, and every key answers what it says from then on. */
export async function expectNothingBroken(cache: IsolateCache, origin: CacheOrigin, damage: Damage): Promise<void> {
  const { seed, counts, reasons, strange } = damage
  expect(
    Object.keys(counts).filter((kind) => !['200', '503', 'left'].includes(kind)),
    `seed ${seed}`,
  ).toEqual([])
  expect(
    reasons.filter((reason) => !REASONS.test(reason)),
    `seed ${seed}`,
  ).toEqual([])
  expect(strange, `seed ${seed}`).toEqual([])
  const healedAtMs = Date.now()
  origin.setRule((key) => ({ value: { key, atMs: Date.now() } }))
  await eventually(async () => {
    const { value } = await cache.many(names)
    const well = Object.values(value as Readonly<Record<string, Value>>).filter(({ atMs }) => atMs >= healedAtMs)
    expect(well.length, `keys that are well, seed ${seed}`).toBe(KEYS)
  }, DEADLINE_MS)
}
