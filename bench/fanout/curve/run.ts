import type { Delivered } from './fanout-work.ts'
import type { Loaded } from './read-work.ts'
import { modeOf } from './replay.ts'
import type { Setting } from './setting.ts'
import { fanoutOf, type Parts, perFollower, workAt } from './totals.ts'
import type { Way } from './ways.ts'
import type { Work } from './work.ts'

/** What a way costs in a round, and how long its loads and deliveries take. */
export interface Measured {
  readonly way: Way
  readonly parts: Parts
  readonly work: Work
  /** The same for all ways of a round. */
  readonly perFollower: ReturnType<typeof perFollower>
  /** Pages that waited for the origin because of how posts are delivered, of all pages. */
  readonly waitedShare: number
  readonly loadMs: (q: number) => number
  readonly deliveryMs: (q: number) => number
}

/** Measures all ways in a setting once. */
export async function measureWays(
  setting: Setting,
  ways: readonly Way[],
  round: number,
  tell: (one: Measured) => void,
): Promise<Measured[]> {
  const { bands, trimEach, delivered } = await setting.fanout.measure(round)
  const found: Measured[] = []
  // Up and down in turn: tables change least between neighbours.
  for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
    const loading = setting.loadingOf(way.routing)
    const { parts: reading, loaded } = await setting.reads.measure(way.routing, loading, round)
    const parts: Parts = { ...fanoutOf(way.routing, bands, trimEach), ...reading }
    const waited = loading.timelines.waitedFor + loading.lists.waitedFor + loading.merges.waitedFor
    const ofWay = delivered.filter(({ least, mode }) => modeOf(way.routing, least) === mode)
    const measured: Measured = {
      way,
      parts,
      work: workAt(parts),
      perFollower: perFollower(bands, trimEach),
      waitedShare: waited / loading.reads,
      loadMs: quantileOf(loaded.map(({ ms, loads }: Loaded) => [ms, loads])),
      deliveryMs: quantileOf(ofWay.map(({ ms, posts }: Delivered) => [ms, posts])),
    }
    found.push(measured)
    tell(measured)
  }
  return found
}

/** Quantiles of values that each stand for several. */
export function quantileOf(weighted: readonly (readonly [value: number, weight: number])[]): (q: number) => number {
  const sorted = [...weighted].sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0)
  return (q) => {
    let below = 0
    for (const [value, weight] of sorted) {
      below += weight
      if (below >= q * total) return value
    }
    return Number.NaN
  }
}
