import type { Entry } from './entry.ts'

/** How many of the newest entries a timeline keeps, in Postgres and in L2. Below it the scroll goes on from the posts themselves. */
export const TIMELINE_CAP = 800

/** How many of the newest activities an author's list keeps in L2. */
export const AUTHOR_LIST_CAP = 400

/** A read pulls the lists of so many crowded authors at most; who follows more of them asks the origin for their merge. */
export const MAX_PULLED = 64

/** How many entries the merge of a reader's crowded authors holds: four pages. */
export const MERGED_CAP = 200

/** How many popular posts there are for readers who follow nobody. */
export const POPULAR_CAP = 200

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

/** May followers see more of this author than the public list holds? That list then names its own author as a candidate. */
export const hasMoreForFollowers = (publicList: Pick<Timeline, 'candidates'>): boolean => publicList.candidates.length > 0

/** `muted` and `blocked` together name at most so many; whoever has more is asked about one by one (`many`). */
export const MAX_HIDDEN = 2_000

/** What the edge must know of a viewer before it shows anything (`vw:`). */
export interface ViewerState {
  /** Raised by a new follow; a timeline with a lower truth version is a miss. */
  readonly followVersion: number
  /** Authors unfollowed in the last 25 hours: longer than a timeline lives, so a late chunk is filtered too. */
  readonly left: readonly string[]
  /** Whom the viewer muted. */
  readonly muted: readonly string[]
  /** Whom the viewer blocks, and who blocks the viewer. */
  readonly blocked: readonly string[]
  /** There are more than those lists name: each author then needs a `rel:` that does not hide them. */
  readonly many: boolean
  /** The viewer follows nobody, and is shown what is popular. */
  readonly followsNobody: boolean
}

/** How many of the newest posts that a viewer liked or reposted `my:` names. */
export const MARKS_CAP = 1_000

/** What a viewer did to posts (`my:`): everything above `completeSince`, a post's id; of older posts the origin knows. */
export interface Marks {
  readonly completeSince: string
  /** Ids of posts, newest first. */
  readonly liked: readonly string[]
  readonly reposted: readonly string[]
}
