import type { Random } from '../random.ts'

/** Exponential with this mean: the pause between events that know nothing of each other. */
export const exponential = (mean: number, random: Random): number => -mean * Math.log(1 - random())

/** Pareto from 1 on with the exponent `alpha`, cut at `most`: most draws are small, a few very large. */
export const pareto = (alpha: number, most: number, random: Random): number => Math.min(most, (1 - random()) ** (-1 / alpha))

/** Draws places 0, 1, … by their weights, which are at least 0 and not all 0. */
export function drawer(weights: readonly number[]): (u: number) => number {
  let total = 0
  const ends = Float64Array.from(weights, (weight) => {
    total += weight
    return total
  })
  if (!(total > 0)) throw new Error('there is nothing to draw from')
  return (u) => {
    const at = u * total
    let low = 0
    let high = ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] ?? 0) > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Some of the items, each with the same chance, in random order (the first steps of Fisher and Yates). */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  const rest = [...items]
  const size = Math.min(count, rest.length)
  for (let at = 0; at < size; at += 1) {
    const other = at + Math.floor(random() * (rest.length - at))
    const taken = rest[other] as T
    rest[other] = rest[at] as T
    rest[at] = taken
  }
  return rest.slice(0, size)
}

/**
 * The moments of a Poisson process whose rate varies, by thinning (Lewis and Shedler, Naval Research Logistics 26(3), 1979): as
 * many as its highest rate has, each kept with the share that the rate of its moment is. Any unit of time.
 */
export function* arrivals(peakRate: number, shareAt: (at: number) => number, end: number, random: Random): Generator<number> {
  if (peakRate <= 0) return
  for (let at = exponential(1 / peakRate, random); at < end; at += exponential(1 / peakRate, random)) {
    if (random() < shareAt(at)) yield at
  }
}
