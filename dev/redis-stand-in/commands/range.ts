/** An inclusive range of Redis, where negative positions count from the end, as the two arguments of `slice`. */
export function clampRange(start: bigint, end: bigint, length: number): [from: number, to: number] {
  if (start < 0n && end < 0n && start > end) return [0, 0]
  const from = Math.max(0, Number(start) + (start < 0n ? length : 0))
  const to = Math.max(0, Number(end) + (end < 0n ? length : 0))
  return from > to ? [0, 0] : [from, to + 1]
}
