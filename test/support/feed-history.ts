import fc from 'fast-check'
import { type Entry, rootAuthorOf } from '../../contract/entry.ts'
import type { Turn } from '../../worker/cache/reader.ts'
import { fingerprintOf } from '../../worker/feed/entity-tag.ts'
import { createWalk, type Scroll, type Walk } from '../../worker/feed/fold.ts'
import type { Hydrate } from '../../worker/feed/hydrate.ts'
import { floorOf, type Source } from '../../worker/feed/merge.ts'
import { paginate } from '../../worker/feed/paginate.ts'
import { boundsOf, type From, type Position, positionAfter } from '../../worker/feed/position.ts'
import { type Activity, emptyWorld, entryOf, type NaiveWorld, naiveFeed, standsFor } from './naive-feed.ts'

/** The reader, whom they follow, and somebody they do not. */
export const VIEWER = personOf(0)
const FOLLOWEES = [1, 2, 3, 4].map(personOf)
const STRANGER = personOf(5)

function personOf(n: number): string {
  return String(1_100_000_000_000_000_000n + BigInt(n))
}
/** An id of a millisecond; some share one. */
export const idAt = (ms: number, sequence = 0): string => String(1_800_000_000_000_000_000n + (BigInt(ms) << 22n) + BigInt(sequence))

/** One activity as an arbitrary draws it. */
export interface Draw {
  /** Milliseconds after the activity before. */
  readonly pauseMs: number
  readonly actor: number
  /** Reposts the post so many posts back; a post of its own where that is undefined. */
  readonly reposts: number | undefined
  readonly deleted: boolean
  readonly audience: 'public' | 'followers'
  /** Held by the timeline too, though its author has a list. */
  readonly isDoubled: boolean
}

export interface History {
  readonly draws: readonly Draw[]
  /** How many of the newest the timeline holds, and each of the lists of people 0, 1 and 2. */
  readonly depths: readonly number[]
  /** The reader muted the stranger. */
  readonly mutes: boolean
}

const often = <T>(usual: T, other: T, weight = 4) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(other) })

export const anyDraw: fc.Arbitrary<Draw> = fc.record({
  pauseMs: fc.integer({ min: 0, max: 2 }),
  actor: fc.integer({ min: 0, max: 5 }),
  reposts: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
  deleted: often(false, true),
  audience: often<'public' | 'followers'>('public', 'followers'),
  isDoubled: fc.boolean(),
})

export const anyHistory: fc.Arbitrary<History> = fc.record({
  draws: fc.array(anyDraw, { maxLength: 60 }),
  depths: fc.array(fc.oneof(fc.nat({ max: 12 }), fc.constant(1_000)), { minLength: 4, maxLength: 4 }),
  mutes: fc.boolean(),
})

/** How a part of ours is replaced by one that lies. */
export interface Lies {
  readonly sources?: (sources: readonly Source[]) => readonly Source[]
  readonly scroll?: (scroll: Scroll) => Scroll
  readonly walked?: (sources: readonly Source[], scroll: Scroll) => readonly Source[]
  /** Cuts a list to a depth; entries come in the order in which they arrived. */
  readonly cut?: (entries: readonly Entry[], depth: number) => Source
}

export interface Shown {
  readonly activityId: string
  readonly rootId: string
  readonly older: readonly string[]
}

export interface PurePage extends Position {
  readonly shown: readonly Shown[]
}

const newestFirst = (entries: readonly Entry[]): Entry[] => [...entries].sort((a, b) => (a.activityId < b.activityId ? 1 : -1))

function cutByAge(entries: readonly Entry[], depth: number): Source {
  const sorted = newestFirst(entries)
  const cut = sorted[depth]
  return { items: sorted.slice(0, depth), completeUntil: cut?.activityId ?? '0', exhausted: cut === undefined }
}

const TURN: Turn = { reader: { waitUntil() {} }, leastTruth: undefined, observe() {}, dice: 0 }
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A feed of a history, read through our own merge, folding and paging, over sources and an origin that never err. */
export function createPureFeed({ draws, depths, mutes }: History, lies: Lies = {}) {
  const world: NaiveWorld = emptyWorld()
  for (const followee of FOLLOWEES) world.follows.add(`${VIEWER} ${followee}`)
  if (mutes) world.mutes.add(`${VIEWER} ${STRANGER}`)
  /** Entries of each source in the order in which they arrived: the timeline, and the lists of people 0, 1 and 2. */
  const arrived: Entry[][] = [[], [], [], []]
  let sources: Source[] | undefined

  /** Puts an activity into the world and into the sources it belongs to. Answers it, or undefined where the id is taken. */
  function add(id: string, { actor, reposts, deleted, audience, isDoubled }: Draw): Activity | undefined {
    const posts = world.activities.filter(({ root }) => !root)
    const root = reposts === undefined ? undefined : posts.at(-1 - reposts)
    if (world.activities.some((other) => other.id === id)) return undefined
    const authorId = personOf(actor)
    // Who reposts again has taken the repost before back.
    for (const other of world.activities) if (root && other.authorId === authorId && other.root?.id === root.id) other.deleted = true
    const of = root ? 'public' : audience
    const activity: Activity = { id, authorId, root: root && { id: root.id, authorId: root.authorId }, audience: of, deleted }
    world.activities.push(activity)
    if (authorId === STRANGER) return activity
    const entry = entryOf(world, activity)
    const places = actor > 2 ? [0] : isDoubled ? [0, actor + 1] : [actor + 1]
    for (const place of places) {
      arrived[place]?.push(entry)
      const source = sources?.[place]
      if (source && sources) sources[place] = { ...source, items: newestFirst([...source.items, entry]) }
    }
    return activity
  }

  let ms = 0
  let sequence = 0
  for (const draw of draws) {
    sequence = draw.pauseMs === 0 ? sequence + 1 : 0
    ms += draw.pauseMs
    add(idAt(ms, sequence), draw)
  }
  sources = arrived.map((entries, place) => (lies.cut ?? cutByAge)(entries, depths[place] ?? 0))

  const activityOf = (id: string) => world.activities.find((activity) => activity.id === id)
  const stands = ({ activityId }: Entry): boolean => {
    const activity = activityOf(activityId)
    return activity !== undefined && standsFor(world, VIEWER, activity)
  }
  const hydrate: Hydrate = async (candidates) =>
    candidates.map(({ entry, newer, older }) => {
      if (!stands(entry) || newer.some(stands)) return undefined
      const shown: Shown = {
        activityId: entry.activityId,
        rootId: entry.root?.id ?? entry.activityId,
        older: older.filter(stands).map(({ activityId }) => activityId),
      }
      return {
        activityId: entry.activityId,
        rootId: shown.rootId,
        authorId: rootAuthorOf(entry),
        json: encoder.encode(JSON.stringify(shown)),
        fingerprint: fingerprintOf(entry.activityId),
      }
    })
  const hidden = ({ actorId, root }: Entry): boolean => mutes && (actorId === STRANGER || root?.authorId === STRANGER)

  return {
    world,
    add,
    stands: (activity: Activity): boolean => standsFor(world, VIEWER, activity),
    /** The newest id there is. */
    newest: (): string => world.activities.reduce((newest, { id }) => (id > newest ? id : newest), idAt(0)),
    floor: (): string => floorOf(sources),
    async page(from: From, limit: number): Promise<PurePage> {
      const told = lies.sources?.(sources) ?? sources
      const { anchor, below, above } = boundsOf(from)
      const scroll: Scroll = { anchor, below, above, fold: true, hidden }
      const asked = lies.scroll?.(scroll) ?? scroll
      const walk: Walk = createWalk(lies.walked?.(told, asked) ?? told, asked)
      const older = async (under: string, size: number) => ({
        entries: naiveFeed(world, VIEWER, anchor)
          .filter(({ entry }) => entry.activityId < under && (above === undefined || entry.activityId > above))
          .slice(0, size)
          .map((line) => ({ ...line.entry, older: line.older })),
      })
      const page = await paginate({ walk, older, originKnowsAll: true, below: asked.below }, limit, hydrate, TURN)
      return { ...positionAfter(told, from, page), shown: page.lines.map(({ json }) => JSON.parse(decoder.decode(json))) }
    },
  }
}
export type PureFeed = ReturnType<typeof createPureFeed>

/** What of a gap is left, to its end. */
export async function readGap(feed: PureFeed, { gap }: Pick<Position, 'gap'>, limit: number): Promise<Shown[]> {
  const shown: Shown[] = []
  for (let left = gap; left !== undefined; ) {
    const page = await feed.page({ kind: 'gap', gap: left }, limit)
    shown.push(...page.shown)
    if (page.gap && page.gap.below >= left.below) throw new Error('a gap that does not shrink')
    left = page.gap
  }
  return shown
}
