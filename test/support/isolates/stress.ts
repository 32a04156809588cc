import { countOutcomes, type Errand, type Outcome, sendCrowd } from '../crowd.ts'
import { eventually } from '../eventually.ts'
import { mulberry32 } from '../random.ts'
import type { CacheOrigin } from './origin.ts'
import type { IsolateCache } from './world.ts'

export interface Stress {
  readonly seed: number
  readonly requests: number
  /** Share of the clients that leave. */
  readonly leavers: number
  readonly connections: number
}

/** Values that die soon keep the origin busy; nothing is served beyond its hard end (milliseconds). */
export const SHORT = { softMs: 300, hardMs: 500, graceMs: 0 }
const KEYS = 200
/** How long a leaver's patience lasts at most (milliseconds). */
const PATIENCE_MS = 150
/** Longer than any answer may take: three flights. */
const DEADLINE_MS = 20_000
const names = Array.from({ length: KEYS }, (_, i) => `k${i}`)

/** What the origin says: when it was asked (epoch milliseconds). */
interface Value {
  readonly key: string
  readonly atMs: number
}

export interface Damage {
  readonly counts: Record<string, number>
  /** What became of those who were refused. */
  readonly reasons: readonly string[]
  /** Answers that were another key's, or were beyond their hard end. */
  readonly wrong: readonly string[]
}

/** Readers of keys drawn by Zipf's law, some of whom will leave. */
function readersOf(cache: IsolateCache, { seed, requests, leavers }: Stress): Errand[] {
  const chance = mulberry32(seed)
  let total = 0
  const sums = names.map((_, i) => {
    total += (i + 1) ** -0.9
    return total
  })
  const urls = names.map((name) => cache.urlOf('get', [name]))
  const drawn = (): string => {
    const at = chance() * total
    return urls[sums.findIndex((sum) => sum >= at)] ?? ''
  }
  return Array.from({ length: requests }, () => ({
    url: drawn(),
    ...(chance() < leavers ? { leavesAfterMs: chance() * PATIENCE_MS } : {}),
  }))
}

/** Sends a crowd at a cache whose origin is slow, fails 2 % of its loads and never answers 1 %. */
export async function sendStress(cache: IsolateCache, origin: CacheOrigin, stress: Stress): Promise<Damage> {
  const random = mulberry32(stress.seed + 1)
  origin.setRule((key) => {
    const dice = random()
    if (dice < 0.01) return { hangs: true }
    if (dice < 0.03) return { status: 500 }
    return { value: { key, atMs: Date.now() }, delayMs: 40 + random() * 160 }
  })
  const errands = readersOf(cache, stress)
  const outcomes = await sendCrowd(errands, { atOnce: stress.connections, deadlineMs: DEADLINE_MS })
  return { counts: countOutcomes(outcomes), reasons: reasonsOf(outcomes), wrong: outcomes.flatMap((outcome, i) => wrongIn(outcome, errands[i])) }
}

function reasonsOf(outcomes: readonly Outcome[]): string[] {
  const refused = outcomes.filter((outcome) => outcome.type === 'answered' && outcome.status === 503)
  return [...new Set(refused.map((outcome) => (outcome.type === 'answered' ? JSON.parse(outcome.body).error : '')))]
}

function wrongIn(outcome: Outcome, errand: Errand | undefined): string[] {
  if (outcome.type !== 'answered' || outcome.status !== 200) return []
  const { value, startedAtMs }: { readonly value: Value; readonly startedAtMs: number } = JSON.parse(outcome.body)
  const asked = new URL(errand?.url ?? '').searchParams.get('key')
  return value.key === asked && startedAtMs <= value.atMs + SHORT.hardMs ? [] : [outcome.body]
}

/** Heals the origin, and waits until every key answers what it says from then on. */
export async function expectEveryKeyWell(cache: IsolateCache, origin: CacheOrigin): Promise<void> {
  const healedAtMs = Date.now()
  origin.setRule((key) => ({ value: { key, atMs: Date.now() } }))
  await eventually(async () => {
    for (const name of names) {
      const { value, error } = await cache.get(name)
      if (error !== undefined || (value as Value).atMs < healedAtMs) throw new Error(`${name} is not well: ${error ?? JSON.stringify(value)}`)
    }
  }, DEADLINE_MS)
}
