/** 64 bits that change when what they were made of does. */
export interface Fingerprint {
  readonly a: number
  readonly b: number
}

const START: Fingerprint = { a: 0x811c9dc5, b: 0x9747b28c }

function mixA(a: number, value: number): number {
  const mixed = Math.imul(a ^ value, 0x01000193)
  return mixed ^ (mixed >>> 13)
}
function mixB(b: number, value: number): number {
  const mixed = Math.imul(b ^ value, 0x5bd1e995)
  return mixed ^ (mixed >>> 15)
}

/** Two hashes in the manner of FNV-1a. */
export function fingerprintOf(text: string): Fingerprint {
  let { a, b } = START
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = mixA(a, code)
    b = mixB(b, code)
  }
  return { a, b }
}

/** The fingerprint of one and of what follows it, in this order. */
export function joinFingerprints(first: Fingerprint, rest: readonly { readonly fingerprint: Fingerprint }[]): Fingerprint {
  let { a, b } = first
  for (const { fingerprint } of rest) {
    a = mixA(a, fingerprint.a)
    b = mixB(b, fingerprint.b)
  }
  return { a, b }
}

/** A strong entity tag (RFC 9110 §8.8.3). */
export const entityTagOf = ({ a, b }: Fingerprint): string => `"${hex(a)}${hex(b)}"`
const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
