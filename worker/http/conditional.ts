/** A strong entity tag (RFC 9110 §8.8.3) from the versions of what a body is made of: two FNV-1a style hashes, 64 bits in all. */
export function entityTagOf(versions: string): string {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < versions.length; i++) {
    const code = versions.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995)
    b ^= b >>> 15
  }
  return `"${(a >>> 0).toString(16).padStart(8, '0')}${(b >>> 0).toString(16).padStart(8, '0')}"`
}

/** Does If-None-Match name this tag? Weak comparison (RFC 9110 §13.1.2). */
export function matches(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.split(',').some((item) => {
    const candidate = item.trim()
    return candidate === '*' || candidate.replace(/^W\//, '') === tag
  })
}
