import type { EntryList } from '../../contract/timeline.ts'
import type { Lifetime } from '../../worker/cache/entry.ts'
import { freshnessAt } from '../../worker/cache/freshness.ts'
import { floorOf, mergeDown, sourceOf } from '../../worker/feed/merge.ts'
import { type Cell, filled, leased, newLease, type PushLimits, pushed } from '../support/l2-rules.ts'
import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * One list that pushes keep complete, a viewer's timeline: posts commit in any order, workers cut and push their chunks and crash, readers load and
 * fill, leases and values end at any moment, rows are trimmed. Post `n` has the id `n + 1`; a payload is the digit of `completeSince` and one for each entry.
 */
interface State {
  readonly posts: readonly Post[]
  /** The entries the viewer has in Postgres, and up to where they were trimmed. */
  readonly rows: string
  readonly completeSince: number
  /** False while the viewer does not exist: a load then finds an absence. */
  readonly known: boolean
  readonly cell: Cell
  readonly loads: readonly Load[]
  readonly left: Omit<Bounds, 'posts' | 'loads' | 'limits' | 'startsUnknown'>
}

interface Post {
  /** Durable: `inserted` is a committed chunk (origin/db/jobs.ts, cutJobs), `pushed` a marked one (origin/db/chunks.ts, markPushed). */
  readonly at: 'new' | 'committed' | 'inserted' | 'pushed'
  /** What its worker knows and Postgres does not: Redis has acknowledged the push, or it is still to be made although it is marked. */
  readonly worker: '' | 'acknowledged' | 'late'
}

interface Load {
  readonly at: 'idle' | 'leased' | 'begun' | 'loaded' | 'done'
  readonly completeSince: number
  readonly payload: string | null
}

interface Bounds {
  readonly posts: number
  readonly loads: number
  readonly crashes: number
  readonly leaseEnds: number
  readonly evictions: number
  readonly trims: number
  readonly startsUnknown: boolean
  readonly limits: PushLimits
}

const RULES = {
  pushAppends: 'a push appends where the value is present',
  pushRecords: 'a push is recorded in a lease that is out',
  fillMerges: 'a fill stores what was loaded and what was recorded',
  fillNeedsLease: 'a fill is refused unless its token holds the lease',
  fullLeaseRefuses: 'the fill of a lease that could not record all pushes is refused',
  pushDropsAbsence: 'a push drops a remembered absence',
  absenceRefused: 'an absence is not stored where something was pushed meanwhile',
  pushAfterCommit: 'a chunk is pushed after its rows have committed',
  markAfterPush: 'a chunk is marked pushed after Redis has acknowledged',
  trimRaises: 'a trim raises complete_since',
  oneSnapshot: 'complete_since and the rows are read in one snapshot',
  floor: 'nothing at or below completeSince is shown from the list',
} as const

/** Lifetimes end at any moment, so the ends of a value that stands do not matter, but for the soft end that a push moves. */
const LIFE: Lifetime = { softExpiresAtMs: 1, hardExpiresAtMs: 2, graceEndsAtMs: 2, deltaMs: 0 }
const KEPT_ROWS = 1

const start = ({ posts, loads, startsUnknown, limits: _, ...left }: Bounds): State => ({
  posts: Array.from({ length: posts }, () => ({ at: 'new', worker: '' })),
  rows: '',
  completeSince: 0,
  known: !startsUnknown,
  cell: { value: undefined, lease: undefined },
  loads: Array.from({ length: loads }, () => ({ at: 'idle', completeSince: 0, payload: null })),
  left,
})

const withItem = <T>(items: readonly T[], place: number, change: Partial<T>): readonly T[] =>
  items.map((item, i) => (i === place ? { ...item, ...change } : item))
const unique = (digits: string): string => [...new Set(digits)].sort().join('')

function* steps(state: State, { limits }: Bounds, has: (rule: keyof typeof RULES) => boolean): Generator<[string, State]> {
  const { posts, rows, cell, loads, left } = state

  function push(text: string): Cell {
    const next = pushed(cell, text, limits)
    const absent = cell.value?.payload === null && !has('pushDropsAbsence')
    return {
      value: forgetStamp(has('pushAppends') && !absent ? next.value : cell.value),
      lease: has('pushRecords') ? next.lease : cell.lease,
    }
  }
  for (const [p, { at, worker }] of posts.entries()) {
    const id = String(p + 1)
    const become = (post: Partial<Post>, more: Partial<State> = {}): State => ({ ...state, posts: withItem(posts, p, post), ...more })
    const inserted = { rows: unique(rows + id) }
    const early = !has('pushAfterCommit')
    if (at === 'new' && state.known) yield [`post ${id} commits`, become({ at: 'committed' })]
    if (at === 'committed' && early && worker === '') yield [`post ${id} is pushed`, become({ worker: 'acknowledged' }, { cell: push(id) })]
    if (at === 'committed' && !early) yield [`the chunk of post ${id} commits: its row is inserted`, become({ at: 'inserted' }, inserted)]
    if (at === 'committed' && worker === 'acknowledged')
      yield [`the chunk of post ${id} commits, already pushed`, become({ at: 'pushed', worker: '' }, inserted)]
    if (at === 'inserted' && worker === '' && has('markAfterPush'))
      yield [`the chunk of post ${id} is pushed`, become({ worker: 'acknowledged' }, { cell: push(id) })]
    if (at === 'inserted' && worker === 'acknowledged') yield [`and marked as pushed`, become({ at: 'pushed', worker: '' })]
    if (at === 'inserted' && !has('markAfterPush'))
      yield [`the chunk of post ${id} is marked before its push`, become({ at: 'pushed', worker: 'late' })]
    if (worker === 'late') yield [`the chunk of post ${id} is pushed`, become({ worker: '' }, { cell: push(id) })]
  }
  if (!state.known) yield ['the viewer signs up', { ...state, known: true }]
  if (left.crashes > 0 && posts.some(({ worker }) => worker !== ''))
    yield [
      'the worker crashes',
      { ...state, posts: posts.map((post) => ({ ...post, worker: '' })), left: { ...left, crashes: left.crashes - 1 } },
    ]

  const standing = [...rows].filter((id) => Number(id) > state.completeSince)
  if (left.trims > 0 && standing.length > KEPT_ROWS) {
    const cut = Number(standing.at(-KEPT_ROWS - 1))
    yield [
      `a trim deletes the rows up to ${cut}`,
      {
        ...state,
        rows: [...rows].filter((id) => Number(id) > cut).join(''),
        completeSince: has('trimRaises') ? cut : state.completeSince,
        left: { ...left, trims: left.trims - 1 },
      },
    ]
  }

  for (const [i, load] of loads.entries()) {
    const become = (next: Partial<Load>, more: Partial<State> = {}): State => ({ ...state, loads: withItem(loads, i, next), ...more })
    // Loads are alike: the next one begins only after the one before it.
    if (load.at === 'idle' && (i === 0 || loads[i - 1]?.at !== 'idle')) {
      const seen = cell.value?.life.softExpiresAtMs ?? 0
      const { state: answer } = leased(cell, { leastTruth: 0, beatsSoftEndMs: seen, seenSoftEndMs: seen, seenStamp: 0 })
      if (answer === 'granted') yield [`load ${i} gets the lease`, become({ at: 'leased' }, { cell: { ...cell, lease: newLease(`${i}`) } })]
    }
    const payload = (completeSince: number): string | null =>
      state.known ? completeSince + [...rows].filter((id) => Number(id) > completeSince).join('') : null
    if (load.at === 'leased' && has('oneSnapshot'))
      yield [`load ${i} reads Postgres`, become({ at: 'loaded', payload: payload(state.completeSince) })]
    if (load.at === 'leased' && !has('oneSnapshot'))
      yield [`load ${i} reads complete_since`, become({ at: 'begun', completeSince: state.completeSince })]
    if (load.at === 'begun') yield [`load ${i} reads the rows`, become({ at: 'loaded', payload: payload(load.completeSince) })]
    if (load.at === 'loaded') {
      const held = cell.lease ?? newLease(`${i}`)
      const full = cell.lease !== undefined && cell.lease.count > limits.maxRecorded
      const lease = !has('fillNeedsLease')
        ? { ...held, token: `${i}` }
        : cell.lease && {
            ...cell.lease,
            recorded: has('fillMerges') ? cell.lease.recorded : '',
            count: !has('fullLeaseRefuses') && full ? limits.maxRecorded : !has('absenceRefused') ? 0 : cell.lease.count,
          }
      const stored = { life: LIFE, truth: 1, stamp: 0, payload: load.payload }
      const after = filled({ value: cell.value, lease }, stored, `${i}`, limits)
      const refused = after.filled === undefined
      yield [
        `load ${i} ${refused ? 'is refused its fill' : `fills ${told(load.payload)}`}`,
        become(
          { at: 'done', payload: null, completeSince: 0 },
          { cell: { value: forgetStamp(after.cell.value), lease: refused ? cell.lease : after.cell.lease } },
        ),
      ]
    }
  }
  if (left.leaseEnds > 0 && cell.lease)
    yield ['the lease ends', { ...state, cell: { ...cell, lease: undefined }, left: { ...left, leaseEnds: left.leaseEnds - 1 } }]
  if (left.evictions > 0 && cell.value)
    yield ['the value ends', { ...state, cell: { ...cell, value: undefined }, left: { ...left, evictions: left.evictions - 1 } }]
}

/** Stamps only rise: two states that differ in nothing else go on alike. */
const forgetStamp = (value: Cell['value']): Cell['value'] => value && { ...value, stamp: 0 }
const told = (payload: string | null): string =>
  payload === null ? 'an absence' : `[${[...payload.slice(1)].join(' ')}] complete since ${payload[0]}`

/** What a reader finds above the floor holds all that was delivered; below it Postgres goes on. */
function broken({ posts, cell: { value } }: State, ignoresFloor: boolean): string | undefined {
  if (!value || freshnessAt(value.life, 0, 1, 0) === 'dead') return undefined
  const delivered = posts.flatMap(({ at, worker }, p) => (at === 'pushed' && worker !== 'late' ? [String(p + 1)] : []))
  if (value.payload === null) return delivered.length > 0 ? 'a post is delivered, and L2 says that there is no list' : undefined
  const list: EntryList = {
    completeSince: ignoresFloor ? '0' : (value.payload[0] ?? '0'),
    entries: [...unique(value.payload.slice(1))].reverse().map((activityId) => ({ activityId, actorId: '', audience: 'public' })),
  }
  const shown = new Set([...mergeDown([sourceOf(list)])].map(({ activityId }) => activityId))
  const floor = Number(floorOf([sourceOf(list)]))
  const lost = delivered.find((id) => Number(id) > floor && !shown.has(id))
  return lost === undefined ? undefined : `post ${lost} is delivered, and the list in L2 lacks it`
}

const LIMITS = { maxTail: 9, maxRecorded: 9 }
const SMALL: Bounds = { posts: 1, loads: 1, crashes: 0, leaseEnds: 0, evictions: 0, trims: 0, startsUnknown: false, limits: LIMITS }

export const TIMELINE = protocol({
  name: 'timeline',
  promise: 'whatever is delivered is in the list in L2, or at or below the floor it states',
  rules: RULES,
  shown: {
    pushAppends: SMALL,
    pushRecords: SMALL,
    fillMerges: SMALL,
    fillNeedsLease: { ...SMALL, leaseEnds: 1 },
    fullLeaseRefuses: { ...SMALL, posts: 2, limits: { maxTail: 9, maxRecorded: 1 } },
    pushDropsAbsence: { ...SMALL, startsUnknown: true },
    absenceRefused: { ...SMALL, startsUnknown: true },
    pushAfterCommit: SMALL,
    markAfterPush: { ...SMALL, crashes: 1 },
    trimRaises: { ...SMALL, posts: 2, trims: 1 },
    oneSnapshot: { ...SMALL, posts: 2, trims: 1 },
    floor: { ...SMALL, posts: 2, trims: 1 },
  },
  quick: {
    'two posts, one load, a crash, a lease that ends, an eviction': { ...SMALL, posts: 2, crashes: 1, leaseEnds: 1, evictions: 1 },
    'one post, two loads, leases that end, an eviction': { ...SMALL, loads: 2, leaseEnds: 2, evictions: 1, startsUnknown: true },
    'two posts, one load, a trim, lists of one entry': {
      ...SMALL,
      posts: 2,
      trims: 1,
      evictions: 1,
      limits: { maxTail: 1, maxRecorded: 1 },
    },
  },
  whole: {
    'three posts, two loads, a crash, leases that end, an eviction, two trims': {
      posts: 3,
      loads: 2,
      crashes: 1,
      leaseEnds: 2,
      evictions: 1,
      trims: 2,
      startsUnknown: false,
      limits: { maxTail: 1, maxRecorded: 1 },
    },
    'two posts, three loads, an absence': { ...SMALL, posts: 2, loads: 3, crashes: 1, leaseEnds: 2, evictions: 1, startsUnknown: true },
  },
  model: (bounds, has): Model<State> => ({
    start: start(bounds),
    steps: (state) => steps(state, bounds, has),
    broken: (state) => broken(state, !has('floor')),
  }),
})
