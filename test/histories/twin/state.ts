import type { Audience } from '../../../contract/entry.ts'
import type { Has } from './plants.ts'
import type { AuthorRow, ChunkRow, InvalidationRow, Job, PostRow, SweepRow, TwinRules, UserRow, ViewerRow } from './rows.ts'

/** The tables of the origin in memory. What changes them runs at one instant, as a transaction that commits does. */
export interface State {
  readonly nowMs: () => number
  readonly rules: TwinRules
  readonly has: Has
  readonly users: Map<string, UserRow>
  readonly authors: Map<string, AuthorRow>
  readonly viewers: Map<string, ViewerRow>
  /** By follower. */
  readonly follows: Map<string, Set<string>>
  /** By author: the follows of enrolled viewers. */
  readonly edges: Map<string, Set<string>>
  /** By viewer and author, when. */
  readonly departures: Map<string, Map<string, number>>
  readonly backfills: Map<string, { readonly viewerId: string; readonly authorId: string; dueAtMs: number }>
  /** Pairs: who mutes whom, blocks whom, asks whom, likes what. */
  readonly mutes: Set<string>
  readonly blocks: Set<string>
  readonly requests: Set<string>
  readonly likes: Map<string, Set<string>>
  readonly posts: Map<string, PostRow>
  /** Newest first. */
  readonly postsOf: Map<string, PostRow[]>
  readonly counts: Map<string, { likes: number; reposts: number; version: number }>
  /** By viewer, in the order in which they arrived; each with its audience as it was when it was written, a hint. */
  readonly timelines: Map<string, Map<string, Audience>>
  readonly jobs: Job[]
  readonly chunks: ChunkRow[]
  readonly invalidations: InvalidationRow[]
  readonly sweeps: Map<string, SweepRow>
  readonly beats: { readonly machineId: number; readonly beat: number; readonly atMs: number }[]
  popular: readonly string[]
  popularVersion: number
  crowdVersion: number
}

export const createState = (nowMs: () => number, rules: TwinRules, has: Has): State => ({
  nowMs,
  rules,
  has,
  users: new Map(),
  authors: new Map(),
  viewers: new Map(),
  follows: new Map(),
  edges: new Map(),
  departures: new Map(),
  backfills: new Map(),
  mutes: new Set(),
  blocks: new Set(),
  requests: new Set(),
  likes: new Map(),
  posts: new Map(),
  postsOf: new Map(),
  counts: new Map(),
  timelines: new Map(),
  jobs: [],
  chunks: [],
  invalidations: [],
  sweeps: new Map(),
  beats: [],
  popular: [],
  popularVersion: 1,
  crowdVersion: 1,
})

export const pairOf = (one: string, other: string): string => `${one} ${other}`

/** A user with nothing yet. */
export function addUser(state: State, id: string, handle: string): void {
  state.users.set(id, { handle, private: false, suspended: false, deleted: false, version: 1, visibilityVersion: 0 })
  const longAgo = { announcedAtMs: 0, demotedAtMs: 0, hotChangedAtMs: 0 }
  state.authors.set(id, { postVersion: 0, followerCount: 0, route: 'push', candidateSinceMs: undefined, hot: false, ...longAgo })
  const never = { enrolled: false, completeSince: '0', lastActiveAtMs: 0, presentUntilMs: 0 }
  state.viewers.set(id, { viewVersion: 1, followVersion: 1, marksVersion: 1, ...never })
  state.follows.set(id, new Set())
  state.edges.set(id, new Set())
  state.departures.set(id, new Map())
  state.likes.set(id, new Set())
  state.postsOf.set(id, [])
  state.timelines.set(id, new Map())
}
