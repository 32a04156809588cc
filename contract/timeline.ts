import type { Entry } from './entry.ts'

/** How many of the newest entries a timeline keeps, in Postgres and in L2. Below it the scroll goes on from the posts themselves. */
export const TIMELINE_CAP = 800

/** How many of the newest activities an author's list keeps in L2. */
export const AUTHOR_LIST_CAP = 400

/**
 * A list of entries, newest first, unique by activity id. It holds *everything* its source has above `completeSince`
 * (exclusive) and nothing at or below it; '0' means the whole history. Two lists of different depth can therefore be
 * merged without a hole: nothing below the highest `completeSince` may be shown.
 */
export interface EntryList {
  readonly completeSince: string
  readonly entries: readonly Entry[]
}

/**
 * A viewer's timeline (`tl:`): what was pushed to the viewer, and the *candidates*: followees who are or may become
 * crowded. A reader pulls candidates ∩ `crowd`.
 */
export interface Timeline extends EntryList {
  readonly candidates: readonly string[]
}

/** What the edge must know of a viewer before it shows anything (`vw:`). */
export interface ViewerState {
  /** Raised by a new follow; a timeline with a lower truth version is a miss. */
  readonly followVersion: number
  /** Authors unfollowed in the last 25 hours: longer than a timeline lives, so a late chunk is filtered too. */
  readonly left: readonly string[]
}
