/** A plain copy: an error object may hold on to the request that made it. */
export function copyOf(reason: unknown): Error {
  const copy = new Error(reason instanceof Error ? reason.message : String(reason))
  if (reason instanceof Error) copy.name = reason.name
  return copy
}
