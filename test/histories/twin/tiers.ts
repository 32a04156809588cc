import type { EntryRow } from '../../../origin/db/entries.ts'
import { audienceOf, entryOf, isWithdrawn, standingOf } from './posts.ts'
import { type AuthorRow, need, newestFirst } from './rows.ts'
import type { State } from './state.ts'

/** The twin of origin/db/tiers.ts and popular.ts. */

export function crowd({ authors, crowdVersion }: State): { readonly version: number; readonly authorIds: string[] } {
  const ids = [...authors].filter(([, { route, candidateSinceMs }]) => route !== 'push' && candidateSinceMs !== undefined)
  return { version: crowdVersion, authorIds: ids.map(([id]) => id).sort() }
}

/** What the crowded authors whom a viewer follows posted: at most one more than the cap, newest first. */
export const mergedOf = (state: State, viewerId: string): EntryRow[] =>
  crowd(state)
    .authorIds.filter((id) => need(state.follows, viewerId).has(id) && !isWithdrawn(state, id))
    .flatMap((id) => standingOf(state, id))
    .sort((a, b) => newestFirst(a.id, b.id))
    .slice(0, state.rules.mergedCap + 1)
    .map((post) => entryOf(state, post))

/** One step of all tiers. Answers the new version of `crowd` where somebody came or went. */
export function stepTiers(state: State): number | undefined {
  heatAuthors(state)
  const left = demoteAuthors(state)
  const came = promoteAuthors(state)
  return left || came ? ++state.crowdVersion : undefined
}

function promoteAuthors({ authors, rules, nowMs, has }: State): boolean {
  const atMs = nowMs()
  let came = false
  for (const author of authors.values()) {
    if (author.route === 'announced' && author.announcedAtMs <= atMs - rules.announceMs) author.route = 'pull'
  }
  for (const author of authors.values()) {
    const { candidateSinceMs: sinceMs, followerCount, route } = author
    if (route !== 'push' || followerCount < rules.crowdThreshold) continue
    if (has('promotion without announcement'))
      Object.assign(author, { route: 'pull', announcedAtMs: atMs, candidateSinceMs: sinceMs ?? atMs })
    else if (has('promotion of the unknown'))
      Object.assign(author, { route: 'announced', announcedAtMs: atMs, candidateSinceMs: sinceMs ?? atMs })
    else if (sinceMs !== undefined && sinceMs <= atMs - rules.timelineLifeMs)
      Object.assign(author, { route: 'announced', announcedAtMs: atMs })
    else continue
    came = true
  }
  for (const author of authors.values()) {
    if (author.candidateSinceMs === undefined && author.followerCount >= rules.candidateFloor) author.candidateSinceMs = atMs
  }
  return came
}

/** Which way an author's `hot` is to change, and from when on it may (epoch milliseconds); undefined where it is right. */
function heatDueAtMs({ rules }: State, { hot, hotChangedAtMs, followerCount }: AuthorRow): number | undefined {
  const { hotThreshold, hotLeaveShare, hotHoldMs } = rules
  const isDue = hot ? followerCount < Math.ceil(hotThreshold * hotLeaveShare) : followerCount >= hotThreshold
  return isDue ? hotChangedAtMs + hotHoldMs : undefined
}

function heatAuthors(state: State): void {
  const atMs = state.nowMs()
  for (const author of state.authors.values()) {
    if ((heatDueAtMs(state, author) ?? Number.POSITIVE_INFINITY) <= atMs) Object.assign(author, { hot: !author.hot, hotChangedAtMs: atMs })
  }
}

const leavesAtMs = ({ rules, has }: State, { demotedAtMs }: AuthorRow): number =>
  demotedAtMs + (has('crowd left too soon') ? 0 : rules.timelineLifeMs)

function demoteAuthors(state: State): boolean {
  const { authors, rules, nowMs } = state
  const atMs = nowMs()
  let left = false
  for (const author of authors.values()) {
    if (author.route === 'demoted' && author.followerCount >= rules.crowdThreshold) {
      Object.assign(author, { route: 'announced', announcedAtMs: atMs })
    } else if (author.route === 'demoted' && leavesAtMs(state, author) <= atMs) {
      author.route = 'push'
      left = true
    } else if (author.route === 'pull' && author.followerCount < Math.ceil(rules.crowdThreshold * rules.leaveShare)) {
      if (author.announcedAtMs <= atMs - rules.holdMs) Object.assign(author, { route: 'demoted', demotedAtMs: atMs })
    }
  }
  return left
}

/** When the next step of the tiers is due (epoch milliseconds). */
export function nextTierAtMs(state: State): number {
  const { rules } = state
  let next = Number.POSITIVE_INFINITY
  const due = (atMs: number): void => {
    if (atMs < next) next = atMs
  }
  for (const author of state.authors.values()) {
    const { route, candidateSinceMs, announcedAtMs, followerCount } = author
    if (route === 'announced') due(announcedAtMs + rules.announceMs)
    if (route === 'pull' && followerCount < rules.crowdThreshold) due(announcedAtMs + rules.holdMs)
    if (candidateSinceMs === undefined && followerCount >= rules.candidateFloor) due(0)
    if (route === 'push' && followerCount >= rules.crowdThreshold) due((candidateSinceMs ?? 0) + rules.timelineLifeMs)
    if (route === 'demoted') due(followerCount >= rules.crowdThreshold ? 0 : leavesAtMs(state, author))
    due(heatDueAtMs(state, author) ?? next)
  }
  return next
}

export function computePopular(state: State): void {
  const roots = [...state.posts.values()].filter((post) => !post.root && !post.deleted)
  const score = ({ id }: { readonly id: string }): number => {
    const { likes = 0, reposts = 0 } = state.counts.get(id) ?? {}
    return likes + 2 * reposts
  }
  state.popular = roots
    .filter((post) => audienceOf(state, post) === 'public' && !isWithdrawn(state, post.authorId))
    .sort((a, b) => score(b) - score(a) || newestFirst(a.id, b.id))
    .slice(0, 20)
    .map(({ id }) => id)
  state.popularVersion++
}

export function popularPosts(state: State): { readonly version: number; readonly entries: EntryRow[] } {
  const posts = state.popular.map((id) => need(state.posts, id))
  const open = posts.filter((post) => !post.deleted && audienceOf(state, post) === 'public' && !isWithdrawn(state, post.authorId))
  return {
    version: state.popularVersion,
    entries: open
      .slice(0, 10)
      .sort((a, b) => newestFirst(a.id, b.id))
      .map((post) => entryOf(state, post)),
  }
}
