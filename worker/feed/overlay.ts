import { fingerprintOf, joinFingerprints } from './entity-tag.ts'
import type { Line } from './hydrate.ts'

/** A line with something that only this reader's page says of it: a member of its object, `"name":value`; as it is where that is undefined. */
export function overlaid(line: Line, member: string | undefined): Line {
  if (member === undefined) return line
  const fingerprint = joinFingerprints(line.fingerprint, [{ fingerprint: fingerprintOf(member) }])
  return { ...line, overlay: `${line.overlay ?? ''},${member}`, fingerprint }
}
