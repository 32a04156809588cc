import type { Entry } from '../../contract/entry.ts'
import { MAX_REPOSTERS } from '../../contract/post.ts'

/** An activity as the truth has it. */
export interface Activity {
  readonly id: string
  readonly authorId: string
  readonly root?: { readonly id: string; readonly authorId: string } | undefined
  readonly audience: 'public' | 'followers'
  deleted: boolean
}

/** Who posted what, and who may see whom. Relations are pairs "A B": A follows, mutes or blocks B. */
export interface NaiveWorld {
  readonly activities: Activity[]
  readonly follows: Set<string>
  readonly mutes: Set<string>
  readonly blocks: Set<string>
  readonly private: Set<string>
  readonly suspended: Set<string>
}

export const emptyWorld = (): NaiveWorld => ({
  activities: [],
  follows: new Set(),
  mutes: new Set(),
  blocks: new Set(),
  private: new Set(),
  suspended: new Set(),
})

const pair = (one: string, other: string): string => `${one} ${other}`

function sees(world: NaiveWorld, viewer: string, { authorId, audience, deleted }: Activity): boolean {
  if (deleted || world.suspended.has(authorId)) return false
  if (authorId === viewer) return true
  if (world.mutes.has(pair(viewer, authorId)) || world.blocks.has(pair(viewer, authorId)) || world.blocks.has(pair(authorId, viewer)))
    return false
  return (audience === 'public' && !world.private.has(authorId)) || world.follows.has(pair(viewer, authorId))
}

/** May the viewer see this activity, and what it reposts? It says nothing of whether it belongs into their feed. */
export function standsFor(world: NaiveWorld, viewer: string, activity: Activity): boolean {
  const root = activity.root && world.activities.find(({ id }) => id === activity.root?.id)
  return sees(world, viewer, activity) && (!activity.root || (root !== undefined && sees(world, viewer, root)))
}

export interface NaiveLine {
  readonly entry: Entry
  /** The older reposts of the same root, each person once, newest first, at most as many as are looked at. */
  readonly older: readonly Entry[]
}

export const entryOf = (world: NaiveWorld, { id, authorId, root, audience }: Activity): Entry => ({
  activityId: id,
  actorId: authorId,
  audience: world.private.has(authorId) ? 'followers' : audience,
  ...(root && { root }),
})

const rootOf = ({ id, root }: Activity): string => root?.id ?? id

/** The whole feed by brute force, newest first: everything that stands, each root once, by its newest activity at or below the anchor. */
export function naiveFeed(world: NaiveWorld, viewer: string, anchor?: string, floor = '0'): NaiveLine[] {
  const standing = world.activities
    .filter(({ id }) => anchor === undefined || id <= anchor)
    .filter((activity) => activity.authorId === viewer || world.follows.has(pair(viewer, activity.authorId)))
    .filter((activity) => standsFor(world, viewer, activity))
    .sort((a, b) => (a.id < b.id ? 1 : -1))
  const shown = new Set<string>()
  const lines: NaiveLine[] = []
  for (const [at, activity] of standing.entries()) {
    if (shown.has(rootOf(activity))) continue
    shown.add(rootOf(activity))
    const older = activity.root
      ? standing.slice(at + 1).filter((other) => other.root?.id === activity.root?.id && (activity.id <= floor || other.id > floor))
      : []
    lines.push({ entry: entryOf(world, activity), older: older.slice(0, MAX_REPOSTERS - 1).map((other) => entryOf(world, other)) })
  }
  return lines
}
