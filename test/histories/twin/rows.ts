import type { Audience } from '../../../contract/entry.ts'
import type { EntryRow } from '../../../origin/db/entries.ts'

/** Settings of the twin: the real ones scaled down, so that a history of minutes meets trims, promotions and dormancy. Milliseconds. */
export interface TwinRules {
  readonly timelineCap: number
  readonly authorListCap: number
  /** Crowded authors whose lists are pulled one by one. */
  readonly maxPulled: number
  readonly mergedCap: number
  readonly chunkSize: number
  readonly crowdThreshold: number
  readonly leaveShare: number
  readonly holdMs: number
  readonly candidateFloor: number
  readonly timelineLifeMs: number
  readonly hotThreshold: number
  readonly hotLeaveShare: number
  readonly hotHoldMs: number
  /** So long a viewer is marked as present; renewed where less than `presentLeastMs` is left. */
  readonly presentMs: number
  readonly presentLeastMs: number
  readonly announceMs: number
  readonly departureMs: number
  readonly dormantMs: number
  readonly debtAfterMs: number
  readonly popularEveryMs: number
  /** Posts of a sweep dropped in one call. */
  readonly sweepSize: number
}

export interface UserRow {
  readonly handle: string
  private: boolean
  suspended: boolean
  deleted: boolean
  version: number
  visibilityVersion: number
}
export interface PostRow {
  readonly id: string
  readonly authorId: string
  readonly text: string | undefined
  readonly root: { readonly id: string; readonly authorId: string } | undefined
  readonly audience: Audience
  readonly mode: 'push' | 'hot' | 'pull'
  version: number
  deleted: boolean
}
export interface AuthorRow {
  postVersion: number
  followerCount: number
  route: 'push' | 'announced' | 'pull' | 'demoted'
  candidateSinceMs: number | undefined
  announcedAtMs: number
  demotedAtMs: number
  hot: boolean
  hotChangedAtMs: number
}
export interface ViewerRow {
  viewVersion: number
  followVersion: number
  marksVersion: number
  enrolled: boolean
  completeSince: string
  lastActiveAtMs: number
  presentUntilMs: number
}
export interface ChunkRow {
  readonly entry: EntryRow
  readonly afterViewer: string
  readonly lastViewer: string
  dueAtMs: number
  pushedAtMs: number | undefined
}
/** A chunk on its way to L2. */
export interface Chunk {
  readonly row: ChunkRow
  readonly entry: EntryRow
  readonly viewers: readonly string[]
}
export interface InvalidationRow {
  readonly key: string
  readonly truth: number
  readonly replacement: string | null
  dueAtMs: number
  doneAtMs: number | undefined
}
export type Drop = Pick<InvalidationRow, 'key' | 'truth' | 'replacement'>
export interface Job {
  readonly post: PostRow
  afterViewer: string
}
export interface SweepRow {
  readonly authorId: string
  belowPost: string
  dueAtMs: number
}

/** `complete_since` of a viewer who is enrolled but not yet rebuilt. */
export const NOT_REBUILT = '9223372036854775807'
export const newestFirst = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0)
/** Is the first id, or '0', above the second? */
export const isAbove = (id: string, other: string): boolean => (id.length === other.length ? id > other : id.length > other.length)
export const before = (id: string): string => String(BigInt(id) - 1n)

export function need<T>(map: ReadonlyMap<string, T>, id: string): T {
  const row = map.get(id)
  if (row === undefined) throw new Error(`no row ${id}`)
  return row
}
