/** Does If-None-Match name this tag? Weak comparison (RFC 9110 §13.1.2). */
export function matches(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false
  return ifNoneMatch.split(',').some((item) => {
    const candidate = item.trim()
    return candidate === '*' || candidate.replace(/^W\//, '') === tag
  })
}
