/** The value below which a share `q` of the values lies; NaN of none. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** Of an even number of values the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]]
  return (low + high) / 2
}

/** A figure of several runs. Runs that gave none are left out. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: readonly number[]
}

export function spreadOf(values: readonly number[]): Spread {
  const runs = values.filter((value) => !Number.isNaN(value))
  return { median: median(runs), min: Math.min(...runs), max: Math.max(...runs), runs }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Ranks 0 to `n - 1`, drawn by Zipf's law with exponent `s`. */
export function zipfRanks(n: number, s: number, count: number, random: () => number): Int32Array {
  const sums = new Float64Array(n)
  let total = 0
  for (let rank = 0; rank < n; rank++) {
    total += (rank + 1) ** -s
    sums[rank] = total
  }
  return Int32Array.from({ length: count }, () => {
    const drawn = random() * total
    let [low, high] = [0, n - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  })
}
