import type { Audience } from '../../../contract/entry.ts'
import type { EntryRow } from '../../../origin/db/entries.ts'
import { audienceOf, entryOf, isWithdrawn, standingOf } from './posts.ts'
import { before, isAbove, NOT_REBUILT, need, newestFirst, type PostRow } from './rows.ts'
import { pairOf, type State } from './state.ts'

/** The twin of origin/db/timelines.ts. */

/** What timelines that are filled now hold of an author, newest first. */
export const inTimelines = (state: State, authorId: string): PostRow[] => {
  const { route } = need(state.authors, authorId)
  return standingOf(state, authorId).filter(({ mode }) => mode === 'push' || route !== 'pull')
}

/** What is there stays as it is. */
function addRow(state: State, viewerId: string, post: PostRow): void {
  const rows = need(state.timelines, viewerId)
  if (!rows.has(post.id)) rows.set(post.id, audienceOf(state, post))
}

/** Where the author has more posts than are copied, the timeline is complete only above the oldest copied one. */
export function copyHistory(state: State, viewerId: string, authorId: string, newest: readonly PostRow[]): void {
  const viewer = need(state.viewers, viewerId)
  if (!viewer.enrolled || !need(state.follows, viewerId).has(authorId)) return
  const { timelineCap } = state.rules
  for (const post of newest.slice(0, timelineCap).reverse()) addRow(state, viewerId, post)
  const firstCut = newest[timelineCap]
  if (firstCut && isAbove(firstCut.id, viewer.completeSince)) viewer.completeSince = firstCut.id
}

/** What no rule of ours does: rows go by author, whoever follows whom by then. */
export function dropRows({ timelines, posts }: State, viewerId: string, authorId: string): void {
  const rows = need(timelines, viewerId)
  for (const id of [...rows.keys()]) if (posts.get(id)?.authorId === authorId) rows.delete(id)
}

export function enrol(state: State, viewerId: string): boolean {
  const viewer = need(state.viewers, viewerId)
  if (viewer.enrolled) return false
  for (const authorId of need(state.follows, viewerId)) need(state.edges, authorId).add(viewerId)
  Object.assign(viewer, { enrolled: true, completeSince: NOT_REBUILT })
  noteActivity(state, viewerId)
  return true
}

/** The newest posts of followees that timelines hold, and down to where they are all. */
function newestOfFollowees(state: State, viewerId: string): { readonly completeSince: string; readonly newest: readonly PostRow[] } {
  const { timelineCap } = state.rules
  const all = [...need(state.follows, viewerId)].flatMap((authorId) => inTimelines(state, authorId))
  const newest = all.sort((a, b) => newestFirst(a.id, b.id)).slice(0, timelineCap)
  const oldest = newest.at(-1)
  return { completeSince: newest.length < timelineCap || !oldest ? '0' : before(oldest.id), newest }
}

/** The timeline that a rebuild would write: what a reader who returns is answered. */
export function unwrittenTimelineOf(state: State, viewerId: string): { readonly completeSince: string; readonly entries: EntryRow[] } {
  const { completeSince, newest } = newestOfFollowees(state, viewerId)
  const standing = newest.filter(({ authorId }) => !need(state.users, authorId).deleted)
  return { completeSince, entries: standing.map((post) => entryOf(state, post)) }
}

/** Writes an enrolled viewer's rows from the posts, where that is still to be done. */
export function rebuild(state: State, viewerId: string): void {
  const viewer = need(state.viewers, viewerId)
  if (viewer.completeSince !== NOT_REBUILT) return
  const { completeSince, newest } = newestOfFollowees(state, viewerId)
  need(state.timelines, viewerId).clear()
  for (const post of [...newest].reverse()) addRow(state, viewerId, post)
  viewer.completeSince = completeSince
}

/** Notes that a viewer reads, and that a timeline of theirs may be present in L2 from now on. */
export function noteActivity({ viewers, nowMs, rules, has }: State, viewerId: string): void {
  const viewer = need(viewers, viewerId)
  if (!viewer.enrolled) return
  viewer.lastActiveAtMs = nowMs()
  const lives = has('present for too short') ? 0.2 : 1
  if (viewer.presentUntilMs < nowMs() + lives * rules.presentLeastMs) viewer.presentUntilMs = nowMs() + lives * rules.presentMs
}

export function retireViewers({ viewers, edges, timelines, nowMs, rules }: State): void {
  for (const [viewerId, viewer] of viewers) {
    if (!viewer.enrolled || viewer.lastActiveAtMs >= nowMs() - rules.dormantMs) continue
    viewer.enrolled = false
    for (const of of edges.values()) of.delete(viewerId)
    need(timelines, viewerId).clear()
  }
}

/** The rows, and the posts that rows need not hold; at most one more than the cap, newest first. */
export function timelineOf(state: State, viewerId: string): EntryRow[] {
  const { completeSince } = need(state.viewers, viewerId)
  const follows = need(state.follows, viewerId)
  const unpushed = [...follows].flatMap((authorId) => inTimelines(state, authorId)).filter(({ mode }) => mode !== 'push')
  const audiences = new Map(need(state.timelines, viewerId))
  if (!state.has('fills are rows alone')) for (const post of unpushed) audiences.set(post.id, audienceOf(state, post))
  return [...audiences]
    .filter(([id]) => isAbove(id, completeSince))
    .sort(([a], [b]) => newestFirst(a, b))
    .flatMap(([id, audience]) => {
      const post = need(state.posts, id)
      return follows.has(post.authorId) ? [{ ...entryOf(state, post), audience }] : []
    })
    .slice(0, state.rules.timelineCap + 1)
}

export const candidatesOf = (state: State, viewerId: string): string[] =>
  [...need(state.follows, viewerId)].filter((authorId) => need(state.authors, authorId).candidateSinceMs !== undefined).sort()

/** At most one more than the cap, newest first, of this audience and no wider one. */
export const listOf = (state: State, authorId: string, audience: Audience): EntryRow[] =>
  isWithdrawn(state, authorId)
    ? []
    : standingOf(state, authorId)
        .filter((post) => audienceOf(state, post) === audience)
        .slice(0, state.rules.authorListCap + 1)
        .map((post) => entryOf(state, post))

export const hasForFollowers = (state: State, authorId: string): boolean =>
  !isWithdrawn(state, authorId) && standingOf(state, authorId).some((post) => audienceOf(state, post) === 'followers')

/** May a reader (undefined: nobody we know) see what this author posted? Mutes count in feeds only. */
function maySee(state: State, readerId: string | undefined, post: PostRow, inFeed: boolean): boolean {
  const { authorId } = post
  if (post.deleted || isWithdrawn(state, authorId)) return false
  if (readerId === authorId) return true
  const isPublic = audienceOf(state, post) === 'public'
  if (readerId === undefined) return isPublic
  if (state.blocks.has(pairOf(readerId, authorId)) || state.blocks.has(pairOf(authorId, readerId))) return false
  if (inFeed && state.mutes.has(pairOf(readerId, authorId))) return false
  return isPublic || need(state.follows, readerId).has(authorId)
}

interface Older {
  readonly entries: (EntryRow & { readonly older?: readonly EntryRow[] })[]
}

export function olderFeed(
  state: State,
  ask: {
    readonly viewerId: string
    readonly below: string
    readonly above?: string | undefined
    readonly anchor: string
    readonly limit: number
  },
): Older {
  const { viewerId, below, above, anchor, limit } = ask
  const rootOf = (post: PostRow): PostRow => (post.root ? need(state.posts, post.root.id) : post)
  const visible = [...need(state.follows, viewerId), viewerId]
    .flatMap((authorId) => standingOf(state, authorId))
    .filter((post) => maySee(state, viewerId, post, true) && maySee(state, viewerId, rootOf(post), true))
    .filter(({ id }) => id <= anchor && (above === undefined || id > above))
    .sort((a, b) => newestFirst(a.id, b.id))
  const unfolded = state.has('history unfolded')
  const first = (post: PostRow, i: number) => unfolded || visible.findIndex((other) => rootOf(other) === rootOf(post)) === i
  return {
    entries: visible
      .filter(first)
      .filter(({ id }) => id < below)
      .slice(0, limit)
      .map((post) => {
        const older = visible.filter((other) => post.root && other.root?.id === post.root.id && other.id < post.id).slice(0, 19)
        return { ...entryOf(state, post), ...(older.length > 0 && { older: older.map((other) => entryOf(state, other)) }) }
      }),
  }
}

export function olderOfAuthor(
  state: State,
  ask: { readonly authorId: string; readonly viewerId?: string | undefined; readonly below: string; readonly limit: number },
): Older {
  const { authorId, viewerId, below, limit } = ask
  const rootOf = (post: PostRow): PostRow => (post.root ? need(state.posts, post.root.id) : post)
  const visible = standingOf(state, authorId).filter(
    (post) => post.id < below && maySee(state, viewerId, post, false) && maySee(state, viewerId, rootOf(post), false),
  )
  return { entries: visible.slice(0, limit).map((post) => entryOf(state, post)) }
}

/** Cuts timelines to their newest rows; what is cut raises `complete_since`. A late old row never evicts a newer one. */
export function trimTimelines(state: State, viewerIds: readonly string[]): void {
  const { timelineCap } = state.rules
  for (const viewerId of viewerIds) {
    const rows = need(state.timelines, viewerId)
    if (rows.size <= timelineCap) continue
    const viewer = need(state.viewers, viewerId)
    let firstCut = [...rows.keys()].sort(newestFirst)[timelineCap] ?? '0'
    if (state.has('cut by arrival')) {
      const kept = new Set([...rows.keys()].slice(-timelineCap))
      for (const id of [...rows.keys()]) if (!kept.has(id)) rows.delete(id)
      firstCut = before([...kept].sort(newestFirst).at(-1) ?? '1')
    }
    for (const id of [...rows.keys()]) if (id <= firstCut) rows.delete(id)
    if (isAbove(firstCut, viewer.completeSince)) viewer.completeSince = firstCut
  }
}
