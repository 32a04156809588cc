/** Each bin ends a tenth above the one before: what is read from it is within 5 % of what was put in (DDSketch, Masson et al., PVLDB 12, 2019). */
const GROWTH = 1.1
/** Anything longer counts as this (milliseconds). */
export const LONGEST_MS = 60_000

/** The bin of a latency: 0 below a millisecond, which the edge's clock cannot tell from none; else bin i ends at 1.1^(i-1) ms. */
export const binOf = (ms: number): number =>
  ms < 1 ? 0 : 1 + Math.max(0, Math.ceil(Math.log(Math.min(ms, LONGEST_MS)) / Math.log(GROWTH) - 1e-9))

/** The value that stands for a bin: as far from its lower end as from its upper one, relatively. */
const middleOf = (bin: number): number => (bin === 0 ? 0 : (2 * GROWTH ** (bin - 1)) / (1 + GROWTH))

/** The smallest latency that a share `q` of the requests did not exceed (milliseconds), from their counts by bin; 0 where there are none. */
export function quantileOf(counts: readonly number[], q: number): number {
  const rank = Math.max(1, Math.ceil(q * counts.reduce((sum, count) => sum + count, 0)))
  let below = 0
  for (const [bin, count] of counts.entries()) {
    below += count
    if (below >= rank) return middleOf(bin)
  }
  return 0
}
