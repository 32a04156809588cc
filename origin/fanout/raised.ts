import { keyOf } from '../../contract/l2/keys.ts'
import type { ViewerVersions } from '../db/follows.ts'

/** What a follow, mute or block between a viewer and an author is behind: keys to truth versions. `timeline`: it changes the timeline's rows as well. */
export function raisedBetween(
  viewerId: bigint,
  authorId: bigint,
  { viewVersion, followVersion }: ViewerVersions,
  timeline: boolean,
): Record<string, number> {
  return {
    ...(timeline ? { [keyOf.timeline(String(viewerId))]: followVersion } : {}),
    [keyOf.viewer(String(viewerId))]: viewVersion,
    [keyOf.relation(String(viewerId), String(authorId))]: viewVersion,
  }
}

/** All keys that such a change may be behind. */
export const keysBetween = (viewerId: bigint, authorId: bigint): readonly string[] =>
  Object.keys(raisedBetween(viewerId, authorId, { viewVersion: 0, followVersion: 0 }, true))
