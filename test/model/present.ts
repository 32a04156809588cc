import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * Hot posts, which have no rows: a reader's mark (`viewers.present_until`), the loads that set it, the chunks that go by it, and the timeline in L2, which is left out where it is
 * alive and lacks a delivered post. Time is counted in ticks: a value lives for two, a load is given up after one. Leases never end here: timeline.ts takes them apart.
 */
interface State {
  readonly posts: readonly Post[]
  /** Ticks that the mark will hold. */
  readonly mark: number
  readonly load: Load
  /** What was pushed since the lease of the load was granted. */
  readonly recorded: string
  readonly value: { readonly entries: string; readonly ticks: number } | undefined
  readonly left: { readonly ticks: number; readonly loads: number; readonly crashes: number }
}

interface Post {
  /** `debt`: its worker died between the commit of the chunk and the push. */
  readonly at: 'new' | 'committed' | 'cut' | 'debt' | 'pushed'
  /** The chunk names the reader. */
  readonly toReader: boolean
}

interface Load {
  readonly at: 'idle' | 'leased' | 'marked' | 'loaded'
  readonly found: string
  readonly ticks: number
}

interface Bounds {
  readonly posts: number
  readonly ticks: number
  readonly loads: number
  readonly crashes: number
}

const RULES = {
  markFirst: 'a load marks its reader before it takes its snapshot (origin/timelines/load.ts)',
  outlivesValue: 'the mark holds for as long as a load and the value it fills, together',
  renewed: 'a mark that is near its end is renewed by a load',
  cutAfterCommit: 'a chunk is cut, and reads the marks, after its post has committed',
  fillsLook: 'a fill looks for hot posts',
  debts: 'a chunk whose worker dies before the push is pushed by another',
} as const
type Has = (rule: keyof typeof RULES) => boolean

const VALUE_TICKS = 2
const LOAD_TICKS = 1
/** A mark needs no renewal while it holds for all of this. */
const LEAST_MARK = LOAD_TICKS + VALUE_TICKS
const IDLE: Load = { at: 'idle', found: '', ticks: 0 }
const unique = (digits: string): string => [...new Set(digits)].sort().join('')

function* postSteps(state: State, has: Has): Generator<[string, State]> {
  const { posts, mark, load, recorded, value, left } = state
  for (const [p, { at, toReader }] of posts.entries()) {
    const id = String(p + 1)
    const become = (post: Partial<Post>, more: Partial<State> = {}): State => ({
      ...state,
      posts: posts.map((one, i) => (i === p ? { ...one, ...post } : one)),
      ...more,
    })
    const naming = mark > 0 ? 'names the reader' : 'names nobody'
    if (at === 'new' && has('cutAfterCommit')) yield [`post ${id} commits`, become({ at: 'committed' })]
    if (at === 'new' && !has('cutAfterCommit')) {
      if (!toReader && mark > 0) yield [`the marks are read for post ${id}`, become({ toReader: true })]
      yield [`post ${id} commits with its chunk`, become({ at: 'cut' })]
    }
    if (at === 'committed') yield [`its chunk is cut and ${naming}`, become({ at: 'cut', toReader: mark > 0 })]
    if (at === 'cut' && left.crashes > 0)
      yield ['its worker dies', become({ at: has('debts') ? 'debt' : 'pushed' }, { left: { ...left, crashes: left.crashes - 1 } })]
    const reached = at === 'cut' ? toReader : mark > 0
    if (at === 'cut' || at === 'debt') {
      const landed = reached && {
        value: value && { ...value, entries: unique(value.entries + id) },
        recorded: load.at === 'idle' ? recorded : unique(recorded + id),
      }
      yield [`post ${id} is pushed ${reached ? 'to the reader' : 'to nobody'}`, become({ at: 'pushed' }, landed || {})]
    }
  }
}

function* readerSteps(state: State, has: Has): Generator<[string, State]> {
  const { posts, mark, load, recorded, value, left } = state
  const found = has('fillsLook') ? posts.flatMap(({ at }, p) => (at === 'new' ? [] : [String(p + 1)])).join('') : ''
  const marked = mark < (has('renewed') ? LEAST_MARK : 1) ? (has('outlivesValue') ? LEAST_MARK + 1 : VALUE_TICKS) : mark
  const become = (next: Partial<Load>, more: Partial<State> = {}): State => ({ ...state, load: { ...load, ...next }, ...more })
  if (load.at === 'idle' && left.loads > 0)
    yield ['a load gets the lease', become({ at: 'leased' }, { recorded: '', left: { ...left, loads: left.loads - 1 } })]
  if (load.at === 'leased' && has('markFirst')) yield ['it marks the reader', become({ at: 'marked' }, { mark: marked })]
  if (load.at === (has('markFirst') ? 'marked' : 'leased')) yield ['it takes its snapshot', become({ at: 'loaded', found })]
  if (load.at === 'loaded') {
    const filled: Partial<State> = { load: IDLE, recorded: '', value: { entries: unique(load.found + recorded), ticks: VALUE_TICKS } }
    yield has('markFirst')
      ? ['it fills', { ...state, ...filled }]
      : ['it marks the reader and fills', { ...state, ...filled, mark: marked }]
  }
  if (left.ticks > 0) {
    const lost = load.at !== 'idle' && load.ticks === LOAD_TICKS
    yield [
      'a tick passes',
      {
        ...state,
        mark: Math.max(0, mark - 1),
        load: lost ? IDLE : load.at === 'idle' ? load : { ...load, ticks: load.ticks + 1 },
        recorded: lost ? '' : recorded,
        value: value && value.ticks > 1 ? { ...value, ticks: value.ticks - 1 } : undefined,
        left: { ...left, ticks: left.ticks - 1 },
      },
    ]
  }
}

const SMALL: Bounds = { posts: 1, ticks: 0, loads: 1, crashes: 0 }

export const PRESENT = protocol({
  name: 'present',
  promise: 'a timeline in L2 holds every hot post that is delivered',
  rules: RULES,
  shown: {
    markFirst: SMALL,
    outlivesValue: { ...SMALL, ticks: 2 },
    renewed: { ...SMALL, ticks: 4, loads: 2 },
    cutAfterCommit: SMALL,
    fillsLook: SMALL,
    debts: { ...SMALL, crashes: 1 },
  },
  quick: { 'two posts, two loads, four ticks, a crash': { posts: 2, ticks: 4, loads: 2, crashes: 1 } },
  whole: { 'two posts, three loads, eight ticks, two crashes': { posts: 2, ticks: 8, loads: 3, crashes: 2 } },
  model: (bounds, has): Model<State> => ({
    start: {
      posts: Array.from({ length: bounds.posts }, () => ({ at: 'new', toReader: false })),
      mark: 0,
      load: IDLE,
      recorded: '',
      value: undefined,
      left: { ticks: bounds.ticks, loads: bounds.loads, crashes: bounds.crashes },
    },
    *steps(state) {
      yield* postSteps(state, has)
      yield* readerSteps(state, has)
    },
    broken({ posts, value }) {
      const lost = posts.findIndex(({ at }, p) => at === 'pushed' && value && !value.entries.includes(String(p + 1)))
      return lost === -1 ? undefined : `post ${lost + 1} is delivered, and the timeline in L2 lacks it`
    },
  }),
})
