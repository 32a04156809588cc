import { entryOf, standingOf, truthOf } from './posts.ts'
import { type Chunk, type ChunkRow, type Drop, type InvalidationRow, NOT_REBUILT, need, type PostRow, type SweepRow } from './rows.ts'
import type { State } from './state.ts'

/** The twin of origin/db/chunks.ts, invalidations.ts, sweeps.ts and recovery.ts. */

/** To whom of these followers a post is pushed: a hot one, to those who may have a timeline in L2. */
const reached = (state: State, { mode }: PostRow, followers: readonly string[]): readonly string[] =>
  mode === 'push' ? followers : followers.filter((id) => need(state.viewers, id).presentUntilMs > state.nowMs())

/** The next chunk of the oldest job: its rows and its state in one transaction. Undefined when nothing is due. */
export function cutChunk(state: State): Chunk | undefined {
  const { jobs, rules, chunks } = state
  const job = jobs[0]
  if (!job) return undefined
  const { post, afterViewer } = job
  const all = post.mode === 'pull' ? [] : [...need(state.edges, post.authorId)].sort()
  const followers = all.filter((viewerId) => viewerId > afterViewer).slice(0, rules.chunkSize)
  const entry = entryOf(state, post)
  if (post.mode === 'push') for (const viewerId of followers) need(state.timelines, viewerId).set(post.id, entry.audience)
  const viewers = reached(state, post, followers)
  const lastViewer = followers.at(-1) ?? afterViewer
  const row = { entry, afterViewer, lastViewer, dueAtMs: state.nowMs() + rules.debtAfterMs, pushedAtMs: undefined }
  chunks.push(row)
  if (followers.length < rules.chunkSize) jobs.shift()
  else job.afterViewer = lastViewer
  return { row, entry, viewers }
}

/** Chunks that nobody pushed in time. Their viewers and audiences are read as of now. */
export function takeUnpushed(state: State): Chunk[] {
  const due = state.chunks.filter(({ pushedAtMs, dueAtMs }) => pushedAtMs === undefined && dueAtMs <= state.nowMs())
  return due.map((row) => {
    row.dueAtMs = state.nowMs() + state.rules.debtAfterMs
    const post = need(state.posts, row.entry.activityId)
    const followers = [...need(state.edges, row.entry.actorId)].filter((id) => id > row.afterViewer && id <= row.lastViewer)
    return { row, entry: entryOf(state, post), viewers: reached(state, post, followers) }
  })
}

export function insertInvalidations(state: State, drops: readonly Drop[]): InvalidationRow[] {
  const made = drops.map((row) => ({ ...row, dueAtMs: state.nowMs() + state.rules.debtAfterMs, doneAtMs: undefined }))
  if (!state.has('invalidation lost in a crash')) state.invalidations.push(...made)
  return made
}

export function takeInvalidations({ invalidations, nowMs, rules }: State): InvalidationRow[] {
  const due = invalidations.filter(({ doneAtMs, dueAtMs }) => doneAtMs === undefined && dueAtMs <= nowMs())
  for (const row of due) row.dueAtMs = nowMs() + rules.debtAfterMs
  return due
}

export const owedFor = ({ invalidations }: State, keys: readonly string[]): InvalidationRow[] =>
  invalidations.filter(({ key, doneAtMs }) => doneAtMs === undefined && keys.includes(key))

export function markInvalidated({ nowMs }: State, rows: readonly InvalidationRow[]): void {
  for (const row of rows) row.doneAtMs ??= nowMs()
}
export function markPushed({ nowMs }: State, rows: readonly ChunkRow[]): void {
  for (const row of rows) row.pushedAtMs ??= nowMs()
}
export function dueIn({ nowMs }: State, rows: readonly ChunkRow[], ms: number): void {
  for (const row of rows) if (row.pushedAtMs === undefined) row.dueAtMs = nowMs() + ms
}
export function oweInvalidations({ nowMs }: State, rows: readonly InvalidationRow[]): void {
  for (const row of rows) Object.assign(row, { doneAtMs: undefined, dueAtMs: nowMs() })
}
export function oweChunks({ nowMs }: State, rows: readonly ChunkRow[]): void {
  for (const row of rows) Object.assign(row, { pushedAtMs: undefined, dueAtMs: nowMs() })
}
/** What was pushed and invalidated within the last time is owed again. */
export function oweAgain(state: State, ms: number): void {
  const sinceMs = state.nowMs() - ms
  oweChunks(
    state,
    state.chunks.filter(({ pushedAtMs }) => pushedAtMs !== undefined && pushedAtMs > sinceMs),
  )
  oweInvalidations(
    state,
    state.invalidations.filter(({ doneAtMs }) => doneAtMs !== undefined && doneAtMs > sinceMs),
  )
  for (const sweep of state.sweeps.values()) Object.assign(sweep, { belowPost: NOT_REBUILT, dueAtMs: state.nowMs() })
}

/** A sweep and until when it is held: by that one that began anew meanwhile is told from it. */
export interface Taken {
  readonly sweep: SweepRow
  readonly heldUntilMs: number
}

export function takeSweep({ sweeps, nowMs, rules }: State): Taken | undefined {
  const sweep = [...sweeps.values()].find(({ dueAtMs }) => dueAtMs <= nowMs())
  if (!sweep) return undefined
  sweep.dueAtMs = nowMs() + rules.debtAfterMs
  return { sweep, heldUntilMs: sweep.dueAtMs }
}
export function moveSweep({ sweeps, nowMs }: State, { sweep, heldUntilMs }: Taken, belowPost: string): void {
  const row = sweeps.get(sweep.authorId)
  if (row?.dueAtMs === heldUntilMs) Object.assign(row, { belowPost, dueAtMs: nowMs() })
}
export function endSweep({ sweeps }: State, { sweep, heldUntilMs }: Taken): void {
  const row = sweeps.get(sweep.authorId)
  if (row?.dueAtMs === heldUntilMs) Object.assign(row, { belowPost: '0', dueAtMs: Number.POSITIVE_INFINITY })
}
export const postsToSweep = (state: State, { sweep }: Taken): { readonly id: string; readonly truth: number }[] =>
  standingOf(state, sweep.authorId)
    .filter(({ id }) => sweep.belowPost === NOT_REBUILT || id < sweep.belowPost)
    .slice(0, state.rules.sweepSize)
    .map((post) => ({ id: post.id, truth: truthOf(state, post) }))

/** How long ago the last beat was noted that is not above this one (milliseconds). */
export function sinceBeatMs({ beats, nowMs }: State, machineId: number, beat: number): number {
  const last = beats.findLast((row) => row.machineId === machineId && row.beat <= beat)
  return last ? nowMs() - last.atMs : Number.POSITIVE_INFINITY
}
export const noteBeat = ({ beats, nowMs }: State, machineId: number, beat: number): void =>
  void beats.push({ machineId, beat, atMs: nowMs() })
export function forgetBeats({ beats }: State, machineId: number, above: number): void {
  for (let i = beats.length - 1; i >= 0; i--) if (beats[i]?.machineId === machineId && (beats[i]?.beat ?? 0) > above) beats.splice(i, 1)
}
export const lastBeats = ({ beats }: State): ReadonlyMap<number, number> => new Map(beats.map(({ machineId, beat }) => [machineId, beat]))

/** When the next debt is due (epoch milliseconds): the real loops look four times a second. */
export function nextDueAtMs({ chunks, invalidations, backfills, sweeps }: State): number {
  let next = Number.POSITIVE_INFINITY
  for (const { pushedAtMs, dueAtMs } of chunks) if (pushedAtMs === undefined && dueAtMs < next) next = dueAtMs
  for (const { doneAtMs, dueAtMs } of invalidations) if (doneAtMs === undefined && dueAtMs < next) next = dueAtMs
  for (const { dueAtMs } of backfills.values()) if (dueAtMs < next) next = dueAtMs
  for (const { dueAtMs } of sweeps.values()) if (dueAtMs < next) next = dueAtMs
  return next
}
