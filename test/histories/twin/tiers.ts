import type { EntryRow } from '../../../origin/db/timelines.ts'
import { audienceOf, entryOf, isWithdrawn, standingOf } from './posts.ts'
import { type DemotionRow, isAbove, need, newestFirst } from './rows.ts'
import type { State } from './state.ts'
import { trimTimelines } from './timelines.ts'

/** The twin of origin/db/tiers.ts, demotions.ts and popular.ts. */

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

function demoteAuthors({ authors, demotions, rules, nowMs, has }: State): boolean {
  const atMs = nowMs()
  let left = false
  const forgets = (row: DemotionRow) =>
    row.copiedAtMs !== undefined && row.copiedAtMs <= atMs - (has('crowd left too soon') ? 0 : rules.timelineLifeMs)
  for (const [authorId, demotion] of [...demotions]) {
    const author = need(authors, authorId)
    if (forgets(demotion)) {
      demotions.delete(authorId)
      if (author.route === 'demoted') {
        author.route = 'push'
        left = true
      }
    } else if (author.followerCount >= rules.crowdThreshold) {
      demotions.delete(authorId)
      Object.assign(author, { route: 'announced', announcedAtMs: atMs })
    }
  }
  for (const [authorId, author] of authors) {
    if (author.route !== 'pull' || author.followerCount >= Math.ceil(rules.crowdThreshold * rules.leaveShare)) continue
    if (author.announcedAtMs > atMs - rules.holdMs) continue
    author.route = 'demoted'
    demotions.set(authorId, { afterViewer: '0', copiedAtMs: has('demotion without a copy') ? atMs : undefined })
  }
  return left
}

/** Takes the copy of a demoted author's pulled posts one chunk further. False where there is none. */
export function copyNext(state: State): boolean {
  const { demotions, edges, rules } = state
  const taken = [...demotions].find(([, { copiedAtMs }]) => copiedAtMs === undefined)
  if (!taken) return false
  const [authorId, demotion] = taken
  const viewerIds = [...need(edges, authorId)]
    .sort()
    .filter((id) => id > demotion.afterViewer)
    .slice(0, rules.chunkSize)
  const last = viewerIds.at(-1)
  if (last === undefined) {
    demotion.copiedAtMs = state.nowMs()
    return true
  }
  const pulled = standingOf(state, authorId).filter(({ mode }) => mode === 'pull')
  for (const viewerId of viewerIds) {
    const viewer = need(state.viewers, viewerId)
    const rows = need(state.timelines, viewerId)
    for (const post of pulled.slice(0, rules.timelineCap).reverse()) {
      if (isAbove(post.id, viewer.completeSince) && !rows.has(post.id)) rows.set(post.id, audienceOf(state, post))
    }
    const beyond = pulled[rules.timelineCap]
    if (beyond && isAbove(beyond.id, viewer.completeSince)) viewer.completeSince = beyond.id
  }
  trimTimelines(state, viewerIds)
  demotion.afterViewer = last
  return true
}

/** When the next step of the tiers is due (epoch milliseconds). */
export function nextTierAtMs({ authors, demotions, rules, has }: State): number {
  let next = Number.POSITIVE_INFINITY
  const due = (atMs: number): void => {
    if (atMs < next) next = atMs
  }
  for (const { route, candidateSinceMs, announcedAtMs, followerCount } of authors.values()) {
    if (route === 'announced') due(announcedAtMs + rules.announceMs)
    if (route === 'pull' && followerCount < rules.crowdThreshold) due(announcedAtMs + rules.holdMs)
    if (candidateSinceMs === undefined && followerCount >= rules.candidateFloor) due(0)
    if (route === 'push' && followerCount >= rules.crowdThreshold) due((candidateSinceMs ?? 0) + rules.timelineLifeMs)
  }
  for (const [authorId, { copiedAtMs }] of demotions) {
    if (copiedAtMs === undefined || (authors.get(authorId)?.followerCount ?? 0) >= rules.crowdThreshold) due(0)
    else due(copiedAtMs + (has('crowd left too soon') ? 0 : rules.timelineLifeMs))
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
