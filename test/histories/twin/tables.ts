import type { Entry } from '../../../contract/entry.ts'
import { firstIdAt } from '../../../contract/ids.ts'
import type { Has } from './plants.ts'

/** Settings of the twin: the real ones scaled down, so that a history of minutes meets trims, promotions and dormancy. Milliseconds. */
export interface TwinRules {
  readonly timelineCap: number
  readonly authorListCap: number
  readonly chunkSize: number
  readonly crowdThreshold: number
  readonly candidateFloor: number
  readonly timelineLifeMs: number
  readonly announceMs: number
  readonly departureMs: number
  readonly dormantMs: number
  readonly debtAfterMs: number
}

export interface PostRow {
  readonly id: string
  readonly authorId: string
  readonly text: string | undefined
  readonly root: { readonly id: string; readonly authorId: string } | undefined
  readonly mode: 'push' | 'pull'
  version: number
  deleted: boolean
}
interface AuthorRow {
  postVersion: number
  followerCount: number
  route: 'push' | 'announced' | 'pull'
  candidateSinceMs: number | undefined
  announcedAtMs: number
}
interface ViewerRow {
  viewVersion: number
  followVersion: number
  enrolled: boolean
  completeSince: string
  lastActiveAtMs: number
}
export interface ChunkRow {
  readonly entry: Entry
  readonly afterViewer: string
  readonly lastViewer: string
  dueAtMs: number
  pushedAtMs: number | undefined
}
/** A chunk on its way to L2. */
export interface Chunk {
  readonly row: ChunkRow
  readonly viewers: readonly string[]
}
export interface InvalidationRow {
  readonly key: string
  readonly truth: number
  readonly replacement: string | null
  dueAtMs: number
  doneAtMs: number | undefined
}
interface Job {
  readonly post: PostRow
  afterViewer: string
}

/** `complete_since` of a viewer who is enrolled but not yet rebuilt. */
export const NOT_REBUILT = '9223372036854775807'
const newestFirst = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0)
/** Is the first id, or '0', above the second? */
const isAbove = (id: string, other: string): boolean => (id.length === other.length ? id > other : id.length > other.length)

export const entryOf = ({ id, authorId, root }: PostRow): Entry => ({
  activityId: id,
  actorId: authorId,
  audience: 'public',
  ...(root && { root }),
})

/**
 * The tables of the origin in memory: the twin of origin/db, a function for each of its questions under the same name. Each runs at one
 * instant, as a transaction that commits does.
 */
export function createTables(nowMs: () => number, rules: TwinRules, has: Has) {
  const users = new Map<string, { readonly handle: string; version: number }>()
  const authors = new Map<string, AuthorRow>()
  const viewers = new Map<string, ViewerRow>()
  /** By follower. */
  const follows = new Map<string, Set<string>>()
  /** By author: the follows of enrolled viewers. */
  const edges = new Map<string, Set<string>>()
  /** By viewer and author, when. */
  const departures = new Map<string, Map<string, number>>()
  const posts = new Map<string, PostRow>()
  const postsOf = new Map<string, PostRow[]>()
  /** By viewer, in the order in which they arrived. */
  const timelines = new Map<string, Set<string>>()
  const jobs: Job[] = []
  const chunks: ChunkRow[] = []
  const invalidations: InvalidationRow[] = []
  const beats: { readonly machineId: number; readonly beat: number; readonly atMs: number }[] = []
  const backfills = new Map<string, { readonly viewerId: string; readonly authorId: string; dueAtMs: number }>()
  let crowdVersion = 1

  function need<T>(map: ReadonlyMap<string, T>, id: string): T {
    const row = map.get(id)
    if (row === undefined) throw new Error(`no row ${id}`)
    return row
  }
  const follow = (viewerId: string, authorId: string): boolean => follows.get(viewerId)?.has(authorId) ?? false
  const newestOf = (authorId: string): PostRow[] => need(postsOf, authorId)

  function addUser(id: string, handle: string): void {
    users.set(id, { handle, version: 1 })
    authors.set(id, { postVersion: 0, followerCount: 0, route: 'push', candidateSinceMs: undefined, announcedAtMs: 0 })
    viewers.set(id, { viewVersion: 1, followVersion: 1, enrolled: false, completeSince: '0', lastActiveAtMs: 0 })
    follows.set(id, new Set())
    edges.set(id, new Set())
    departures.set(id, new Map())
    postsOf.set(id, [])
    timelines.set(id, new Set())
  }

  /** What was there before: posts of authors whose followers have not read yet. */
  function importPost(authorId: string, text: string, atMs: number, sequence: number): string {
    const id = String(firstIdAt(atMs) + BigInt(sequence))
    const post: PostRow = { id, authorId, text, root: undefined, mode: 'push', version: 1, deleted: false }
    posts.set(id, post)
    newestOf(authorId).unshift(post)
    return id
  }
  function importFollow(viewerId: string, authorId: string): void {
    need(follows, viewerId).add(authorId)
    need(authors, authorId).followerCount++
  }

  /** A post or repost with its job; undefined where the root stands reposted already. */
  function insertActivity(activity: Pick<PostRow, 'id' | 'authorId' | 'text' | 'root'>): { readonly postVersion: number } | undefined {
    const { root, authorId } = activity
    if (root && findRepost(authorId, root.id)) return undefined
    if (posts.has(activity.id)) throw new Error(`id ${activity.id} was minted twice`)
    const author = need(authors, authorId)
    author.postVersion++
    const post: PostRow = { ...activity, mode: author.route === 'pull' ? 'pull' : 'push', version: 1, deleted: false }
    posts.set(post.id, post)
    const list = newestOf(authorId)
    list.push(post)
    list.sort((a, b) => newestFirst(a.id, b.id))
    jobs.push({ post, afterViewer: '0' })
    return { postVersion: author.postVersion }
  }

  function deleteActivity(id: string): { readonly version: number; readonly postVersion: number } | undefined {
    const post = need(posts, id)
    const author = need(authors, post.authorId)
    if (post.deleted) return undefined
    author.postVersion++
    post.deleted = true
    post.version++
    return { version: post.version, postVersion: author.postVersion }
  }

  const findRepost = (authorId: string, rootId: string): PostRow | undefined =>
    newestOf(authorId).find((post) => post.root?.id === rootId && !post.deleted)

  function insertFollow(viewerId: string, authorId: string): 'created' | 'already' {
    if (follow(viewerId, authorId)) return 'already'
    need(follows, viewerId).add(authorId)
    if (need(viewers, viewerId).enrolled) need(edges, authorId).add(viewerId)
    need(departures, viewerId).delete(authorId)
    backfills.set(`${viewerId} ${authorId}`, { viewerId, authorId, dueAtMs: nowMs() + rules.debtAfterMs })
    need(authors, authorId).followerCount++
    return 'created'
  }

  function raiseVersions(viewerId: string, alsoFollow: boolean): { readonly viewVersion: number; readonly followVersion: number } {
    const viewer = need(viewers, viewerId)
    viewer.viewVersion++
    if (alsoFollow) viewer.followVersion++
    return { viewVersion: viewer.viewVersion, followVersion: viewer.followVersion }
  }

  const pushedBy = (authorId: string): PostRow[] => newestOf(authorId).filter((post) => post.mode === 'push' && !post.deleted)

  /** Where the author has more pushed posts than are copied, the timeline is complete only above the oldest copied one. */
  function copyHistory(viewerId: string, authorId: string, newest: readonly PostRow[]): void {
    const viewer = need(viewers, viewerId)
    if (!viewer.enrolled || !follow(viewerId, authorId)) return
    const rows = need(timelines, viewerId)
    for (const { id } of newest.slice(0, rules.timelineCap).reverse()) rows.add(id)
    const firstCut = newest[rules.timelineCap]
    if (firstCut && isAbove(firstCut.id, viewer.completeSince)) viewer.completeSince = firstCut.id
  }

  /** Undefined when another process has done it. `history` is what the transaction sees of the author's posts. */
  function backfill(viewerId: string, authorId: string, history: readonly PostRow[] = pushedBy(authorId)) {
    if (!backfills.delete(`${viewerId} ${authorId}`)) return undefined
    copyHistory(viewerId, authorId, history)
    return raiseVersions(viewerId, true)
  }

  function takeBackfills(): { readonly viewerId: string; readonly authorId: string }[] {
    const due = [...backfills.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs())
    for (const row of due) row.dueAtMs = nowMs() + rules.debtAfterMs
    return due
  }

  /** Undefined when there was no such follow. */
  function deleteFollow(viewerId: string, authorId: string) {
    if (!need(follows, viewerId).delete(authorId)) return undefined
    need(edges, authorId).delete(viewerId)
    backfills.delete(`${viewerId} ${authorId}`)
    need(departures, viewerId).set(authorId, nowMs())
    need(authors, authorId).followerCount--
    return raiseVersions(viewerId, false)
  }

  /** What no rule of ours does: rows go by author, whoever follows whom by then. */
  function dropRows(viewerId: string, authorId: string): void {
    const rows = need(timelines, viewerId)
    for (const id of [...rows]) if (posts.get(id)?.authorId === authorId) rows.delete(id)
  }

  function enrol(viewerId: string): boolean {
    const viewer = need(viewers, viewerId)
    if (viewer.enrolled) return false
    for (const authorId of need(follows, viewerId)) need(edges, authorId).add(viewerId)
    Object.assign(viewer, { enrolled: true, lastActiveAtMs: nowMs(), completeSince: NOT_REBUILT })
    return true
  }

  function rebuild(viewerId: string): void {
    const viewer = need(viewers, viewerId)
    const all = [...need(follows, viewerId)].flatMap((authorId) => newestOf(authorId).filter((post) => post.mode === 'push' && !post.deleted))
    const newest = all.map(({ id }) => id).sort(newestFirst).slice(0, rules.timelineCap)
    timelines.set(viewerId, new Set(newest.toReversed()))
    const oldest = newest.at(-1)
    viewer.completeSince = newest.length < rules.timelineCap || oldest === undefined ? '0' : String(BigInt(oldest) - 1n)
  }

  const needsRebuild = (viewerId: string): boolean => {
    const viewer = need(viewers, viewerId)
    return !viewer.enrolled || viewer.completeSince === NOT_REBUILT
  }

  function noteActivity(viewerId: string): void {
    need(viewers, viewerId).lastActiveAtMs = nowMs()
  }

  function retireViewers(): void {
    for (const [viewerId, viewer] of viewers) {
      if (!viewer.enrolled || viewer.lastActiveAtMs >= nowMs() - rules.dormantMs) continue
      viewer.enrolled = false
      for (const of of edges.values()) of.delete(viewerId)
      need(timelines, viewerId).clear()
    }
  }

  function timelineOf(viewerId: string): { readonly completeSince: string; readonly entries: readonly Entry[] } {
    const { completeSince } = need(viewers, viewerId)
    const rows = [...need(timelines, viewerId)].filter((id) => isAbove(id, completeSince)).sort(newestFirst)
    const entries = rows.flatMap((id) => {
      const post = need(posts, id)
      return post.deleted || !follow(viewerId, post.authorId) ? [] : [entryOf(post)]
    })
    return cutAt(entries, rules.timelineCap, completeSince)
  }

  const cutAt = (entries: readonly Entry[], cap: number, completeSince: string) => ({
    completeSince: entries[cap]?.activityId ?? completeSince,
    entries: entries.slice(0, cap),
  })

  const candidatesOf = (viewerId: string): string[] =>
    [...need(follows, viewerId)].filter((authorId) => need(authors, authorId).candidateSinceMs !== undefined).sort()

  const departuresOf = (viewerId: string): string[] =>
    [...need(departures, viewerId)].filter(([, atMs]) => atMs > nowMs() - rules.departureMs).map(([authorId]) => authorId)

  const listOf = (authorId: string) =>
    cutAt(newestOf(authorId).filter(({ deleted }) => !deleted).map(entryOf), rules.authorListCap, '0')

  function olderFeed(viewerId: string, below: string, anchor: string, limit: number): Entry[] {
    const sources = [...need(follows, viewerId), viewerId]
    const standing = sources.flatMap((authorId) => newestOf(authorId).filter(({ deleted }) => !deleted))
    const rootIdOf = (post: PostRow): string => post.root?.id ?? post.id
    const isHidden = (post: PostRow): boolean =>
      !has('history unfolded') &&
      standing.some((newer) => newer.id > post.id && newer.id <= anchor && rootIdOf(newer) === rootIdOf(post))
    return standing
      .filter((post) => post.id < below && !posts.get(rootIdOf(post))?.deleted && !isHidden(post))
      .sort((a, b) => newestFirst(a.id, b.id))
      .slice(0, limit)
      .map(entryOf)
  }

  const olderOfAuthor = (authorId: string, below: string, limit: number): Entry[] =>
    newestOf(authorId).filter(({ id, deleted }) => id < below && !deleted).slice(0, limit).map(entryOf)

  /** The next chunk of the oldest job: its rows and its state in one transaction. Undefined when nothing is due. */
  function cutChunk(): Chunk | undefined {
    const job = jobs[0]
    if (!job) return undefined
    const { post, afterViewer } = job
    const all = post.mode === 'push' ? [...need(edges, post.authorId)].sort() : []
    const viewerIds = all.filter((viewerId) => viewerId > afterViewer).slice(0, rules.chunkSize)
    for (const viewerId of viewerIds) need(timelines, viewerId).add(post.id)
    const lastViewer = viewerIds.at(-1) ?? afterViewer
    const row = { entry: entryOf(post), afterViewer, lastViewer, dueAtMs: nowMs() + rules.debtAfterMs, pushedAtMs: undefined }
    chunks.push(row)
    if (viewerIds.length < rules.chunkSize) jobs.shift()
    else job.afterViewer = lastViewer
    return { row, viewers: viewerIds }
  }

  /** Chunks that nobody pushed in time. Their viewers are read from the edges of now. */
  function takeUnpushed(): Chunk[] {
    const due = chunks.filter(({ pushedAtMs, dueAtMs }) => pushedAtMs === undefined && dueAtMs <= nowMs())
    return due.map((row) => {
      row.dueAtMs = nowMs() + rules.debtAfterMs
      const all = [...need(edges, row.entry.actorId)]
      return { row, viewers: all.filter((viewerId) => viewerId > row.afterViewer && viewerId <= row.lastViewer) }
    })
  }

  function trimTimelines(viewerIds: readonly string[]): void {
    for (const viewerId of viewerIds) {
      const rows = need(timelines, viewerId)
      if (rows.size <= rules.timelineCap) continue
      const viewer = need(viewers, viewerId)
      const kept = has('cut by arrival') ? [...rows].slice(-rules.timelineCap) : [...rows].sort(newestFirst).slice(0, rules.timelineCap)
      const firstCut = has('cut by arrival')
        ? String(BigInt([...kept].sort(newestFirst).at(-1) ?? '1') - 1n)
        : ([...rows].sort(newestFirst)[rules.timelineCap] ?? '0')
      for (const id of [...rows]) if (has('cut by arrival') ? !kept.includes(id) : id <= firstCut) rows.delete(id)
      if (isAbove(firstCut, viewer.completeSince)) viewer.completeSince = firstCut
    }
  }

  function crowd(): { readonly version: number; readonly authorIds: string[] } {
    const ids = [...authors].filter(([, { route, candidateSinceMs }]) => route !== 'push' && candidateSinceMs !== undefined)
    return { version: crowdVersion, authorIds: ids.map(([id]) => id).sort() }
  }

  /** One step of announce-then-route. Answers the new version of `crowd` where somebody was announced. */
  function stepTiers(): number | undefined {
    const atMs = nowMs()
    let announced = false
    for (const author of authors.values()) {
      if (author.route === 'announced' && author.announcedAtMs <= atMs - rules.announceMs) author.route = 'pull'
    }
    for (const author of authors.values()) {
      const { candidateSinceMs: sinceMs, followerCount } = author
      if (has('promotion without announcement') && followerCount >= rules.crowdThreshold) {
        if (author.route !== 'pull') announced = true
        Object.assign(author, { route: 'pull', candidateSinceMs: sinceMs ?? atMs })
        continue
      }
      const isKnown = has('promotion of the unknown') || (sinceMs !== undefined && sinceMs <= atMs - rules.timelineLifeMs)
      if (author.route === 'push' && followerCount >= rules.crowdThreshold && isKnown) {
        Object.assign(author, { route: 'announced', announcedAtMs: atMs })
        announced = true
      }
    }
    for (const author of authors.values()) {
      if (author.candidateSinceMs === undefined && author.followerCount >= rules.candidateFloor) author.candidateSinceMs = atMs
    }
    if (!announced) return undefined
    return ++crowdVersion
  }

  function insertInvalidations(rows: readonly Pick<InvalidationRow, 'key' | 'truth' | 'replacement'>[]): InvalidationRow[] {
    const made = rows.map((row) => ({ ...row, dueAtMs: nowMs() + rules.debtAfterMs, doneAtMs: undefined }))
    if (!has('invalidation lost in a crash')) invalidations.push(...made)
    return made
  }

  function takeInvalidations(): InvalidationRow[] {
    const due = invalidations.filter(({ doneAtMs, dueAtMs }) => doneAtMs === undefined && dueAtMs <= nowMs())
    for (const row of due) row.dueAtMs = nowMs() + rules.debtAfterMs
    return due
  }

  const owedFor = (keys: readonly string[]): InvalidationRow[] =>
    invalidations.filter(({ key, doneAtMs }) => doneAtMs === undefined && keys.includes(key))

  function markInvalidated(rows: readonly InvalidationRow[]): void {
    for (const row of rows) row.doneAtMs ??= nowMs()
  }
  function markPushed(rows: readonly ChunkRow[]): void {
    for (const row of rows) row.pushedAtMs ??= nowMs()
  }
  function oweInvalidations(rows: readonly InvalidationRow[]): void {
    for (const row of rows) Object.assign(row, { doneAtMs: undefined, dueAtMs: nowMs() })
  }
  function oweChunks(rows: readonly ChunkRow[]): void {
    for (const row of rows) Object.assign(row, { pushedAtMs: undefined, dueAtMs: nowMs() })
  }
  function oweAgain(ms: number): void {
    const sinceMs = nowMs() - ms
    oweChunks(chunks.filter(({ pushedAtMs }) => pushedAtMs !== undefined && pushedAtMs > sinceMs))
    oweInvalidations(invalidations.filter(({ doneAtMs }) => doneAtMs !== undefined && doneAtMs > sinceMs))
  }

  /** How long ago the last beat was noted that is not above this one (milliseconds). */
  function sinceBeatMs(machineId: number, beat: number): number {
    const last = beats.findLast((row) => row.machineId === machineId && row.beat <= beat)
    return last ? nowMs() - last.atMs : Number.POSITIVE_INFINITY
  }
  const noteBeat = (machineId: number, beat: number): void => void beats.push({ machineId, beat, atMs: nowMs() })
  function forgetBeats(machineId: number, above: number): void {
    for (let i = beats.length - 1; i >= 0; i--) if (beats[i]?.machineId === machineId && (beats[i]?.beat ?? 0) > above) beats.splice(i, 1)
  }
  const lastBeats = (): ReadonlyMap<number, number> => new Map(beats.map(({ machineId, beat }) => [machineId, beat]))

  /** When the next debt, promotion or retirement is due (epoch milliseconds): the real loops look four times a second. */
  function nextDueAtMs(): number {
    let next = Number.POSITIVE_INFINITY
    const due = (atMs: number): void => {
      if (atMs < next) next = atMs
    }
    for (const { pushedAtMs, dueAtMs } of chunks) if (pushedAtMs === undefined) due(dueAtMs)
    for (const { doneAtMs, dueAtMs } of invalidations) if (doneAtMs === undefined) due(dueAtMs)
    for (const { dueAtMs } of backfills.values()) due(dueAtMs)
    return next
  }
  function nextTierAtMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { route, candidateSinceMs, announcedAtMs, followerCount } of authors.values()) {
      if (route === 'announced') next = Math.min(next, announcedAtMs + rules.announceMs)
      else if (candidateSinceMs === undefined) next = Math.min(next, followerCount >= rules.candidateFloor ? 0 : next)
      else if (route === 'push' && followerCount >= rules.crowdThreshold) next = Math.min(next, candidateSinceMs + rules.timelineLifeMs)
    }
    return next
  }

  return {
    users,
    posts,
    viewers,
    authors,
    jobs,
    addUser,
    importPost,
    importFollow,
    follows: follow,
    insertActivity,
    deleteActivity,
    findRepost,
    insertFollow,
    owesBackfill: (viewerId: string, authorId: string) => backfills.has(`${viewerId} ${authorId}`),
    pushedBy,
    backfill,
    takeBackfills,
    deleteFollow,
    dropRows,
    enrol,
    rebuild,
    needsRebuild,
    noteActivity,
    retireViewers,
    timelineOf,
    candidatesOf,
    departuresOf,
    listOf,
    olderFeed,
    olderOfAuthor,
    cutChunk,
    takeUnpushed,
    trimTimelines,
    crowd,
    stepTiers,
    insertInvalidations,
    takeInvalidations,
    owedFor,
    markInvalidated,
    markPushed,
    oweInvalidations,
    oweChunks,
    oweAgain,
    sinceBeatMs,
    noteBeat,
    forgetBeats,
    lastBeats,
    nextDueAtMs,
    nextTierAtMs,
  }
}
export type Tables = ReturnType<typeof createTables>
