import { isWithdrawn } from './posts.ts'
import type { PostRow } from './rows.ts'
import { NOT_REBUILT, need } from './rows.ts'
import { pairOf, type State } from './state.ts'
import { copyHistory } from './timelines.ts'

/** The twin of origin/db/follows.ts, follow-requests.ts, mutes.ts, blocks.ts and accounts.ts. */

export const isBlocked = (state: State, one: string, other: string): boolean =>
  state.blocks.has(pairOf(one, other)) || state.blocks.has(pairOf(other, one))

export type FollowOutcome = 'created' | 'already' | 'requested' | 'blocked' | 'not-found' | 'forbidden'

export function insertFollow(state: State, viewerId: string, authorId: string, accepted: boolean): FollowOutcome {
  const { follows, edges, users, departures, authors, requests, backfills, rules } = state
  if (need(users, viewerId).deleted || isWithdrawn(state, authorId)) return 'not-found'
  if (isBlocked(state, viewerId, authorId)) return 'blocked'
  if (need(follows, viewerId).has(authorId)) return 'already'
  if (need(users, viewerId).suspended) return 'forbidden'
  if (need(users, authorId).private && !accepted) {
    requests.add(pairOf(viewerId, authorId))
    return 'requested'
  }
  need(follows, viewerId).add(authorId)
  requests.delete(pairOf(viewerId, authorId))
  if (need(state.viewers, viewerId).enrolled) need(edges, authorId).add(viewerId)
  need(departures, viewerId).delete(authorId)
  backfills.set(pairOf(viewerId, authorId), { viewerId, authorId, dueAtMs: state.nowMs() + rules.debtAfterMs })
  need(authors, authorId).followerCount++
  return 'created'
}

export function importFollow(state: State, viewerId: string, authorId: string): void {
  need(state.follows, viewerId).add(authorId)
  need(state.authors, authorId).followerCount++
}

export interface Versions {
  readonly viewVersion: number
  readonly followVersion: number
}

export function raiseVersions(state: State, viewerId: string, alsoFollow: boolean): Versions {
  const viewer = need(state.viewers, viewerId)
  viewer.viewVersion++
  if (alsoFollow) viewer.followVersion++
  return { viewVersion: viewer.viewVersion, followVersion: viewer.followVersion }
}

/** Undefined when another process has done it. `history` is what the transaction sees of the author's posts. */
export function backfill(state: State, viewerId: string, authorId: string, history: readonly PostRow[]): Versions | undefined {
  if (!state.backfills.delete(pairOf(viewerId, authorId))) return undefined
  copyHistory(state, viewerId, authorId, history)
  return raiseVersions(state, viewerId, true)
}

export function takeBackfills({ backfills, nowMs, rules }: State): { readonly viewerId: string; readonly authorId: string }[] {
  const due = [...backfills.values()].filter(({ dueAtMs }) => dueAtMs <= nowMs())
  for (const row of due) row.dueAtMs = nowMs() + rules.debtAfterMs
  return due
}

/** Undefined when there was no such follow. */
export function deleteFollow(state: State, viewerId: string, authorId: string): Versions | undefined {
  state.requests.delete(pairOf(viewerId, authorId))
  if (!need(state.follows, viewerId).delete(authorId)) return undefined
  need(state.edges, authorId).delete(viewerId)
  state.backfills.delete(pairOf(viewerId, authorId))
  need(state.departures, viewerId).set(authorId, state.nowMs())
  need(state.authors, authorId).followerCount--
  return raiseVersions(state, viewerId, false)
}

/** Undefined where it stood so before. */
export function mute(state: State, viewerId: string, authorId: string, on: boolean): Versions | undefined {
  const pair = pairOf(viewerId, authorId)
  if (state.mutes.has(pair) === on) return undefined
  if (on) state.mutes.add(pair)
  else state.mutes.delete(pair)
  return raiseVersions(state, viewerId, false)
}

/** Undefined where it stood so before; else the versions of both. */
export function block(state: State, blockerId: string, blockedId: string, on: boolean): readonly [Versions, Versions] | undefined {
  const pair = pairOf(blockerId, blockedId)
  if (state.blocks.has(pair) === on) return undefined
  if (on) {
    state.blocks.add(pair)
    deleteFollow(state, blockerId, blockedId)
    deleteFollow(state, blockedId, blockerId)
  } else state.blocks.delete(pair)
  return [raiseVersions(state, blockerId, false), raiseVersions(state, blockedId, false)]
}

/** Changes who may see an account, and leaves a sweep of its posts. Undefined where it was so before. */
export function changeAccount(
  state: State,
  userId: string,
  what: 'private' | 'suspended' | 'deleted',
  value: boolean,
): { readonly version: number; readonly postVersion: number } | undefined {
  const user = need(state.users, userId)
  if (user.deleted || user[what] === value) return undefined
  user[what] = value
  user.version++
  user.visibilityVersion++
  state.sweeps.set(userId, { authorId: userId, belowPost: NOT_REBUILT, dueAtMs: state.nowMs() })
  return { version: user.version, postVersion: ++need(state.authors, userId).postVersion }
}

export function deleteAccount(state: State, userId: string) {
  const versions = changeAccount(state, userId, 'deleted', true)
  if (!versions) return undefined
  const viewer = need(state.viewers, userId)
  viewer.enrolled = false
  const marksVersion = ++viewer.marksVersion
  for (const pair of [...state.requests]) if (pair.includes(userId)) state.requests.delete(pair)
  return { ...versions, ...raiseVersions(state, userId, true), marksVersion }
}

/** Follows of a deleted account and by it: all at once, of which there are few here. */
export function removeFollowsOf(state: State, userId: string): void {
  for (const authorId of need(state.follows, userId)) {
    need(state.authors, authorId).followerCount--
    need(state.edges, authorId).delete(userId)
  }
  need(state.follows, userId).clear()
  for (const [viewerId, followees] of state.follows) {
    if (!followees.delete(userId)) continue
    need(state.authors, userId).followerCount--
    state.backfills.delete(pairOf(viewerId, userId))
  }
  need(state.edges, userId).clear()
}

export const departuresOf = ({ departures, nowMs, rules }: State, viewerId: string): string[] =>
  [...need(departures, viewerId)].filter(([, atMs]) => atMs > nowMs() - rules.departureMs).map(([authorId]) => authorId)
