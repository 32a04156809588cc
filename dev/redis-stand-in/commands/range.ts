const fromEnd = (at: bigint, length: number): number => Number(at) + (at < 0n ? length : 0)

/** An inclusive range of a list, where negative positions count from the end, as the two arguments of `slice`. */
export function listRange(start: bigint, end: bigint, length: number): [from: number, to: number] {
  const from = Math.max(0, fromEnd(start, length))
  return [from, Math.max(from, fromEnd(end, length) + 1)]
}

/** The same of a string; an end before its first byte means its first byte, unless the range is upside down. */
export function stringRange(start: bigint, end: bigint, length: number): [from: number, to: number] {
  if (start < 0n && end < 0n && start > end) return [0, 0]
  const from = Math.max(0, fromEnd(start, length))
  return [from, Math.max(from, Math.max(0, fromEnd(end, length)) + 1)]
}
