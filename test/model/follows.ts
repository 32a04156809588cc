import type { EntryList } from '../../contract/timeline.ts'
import { createWalk } from '../../worker/feed/fold.ts'
import { sourceOf } from '../../worker/feed/merge.ts'
import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * Follow, unfollow, follow again: one viewer and one author whose posts are pushed, with `tl:` and `vw:` in L2. Posts may be cut into a chunk before an
 * unfollow and be pushed long after; what a process leaves undone another finishes. Fills and their leases are one step here: timeline.ts takes them apart.
 */
interface State {
  readonly posts: readonly Post[]
  /** Rows of Postgres: `follows`, `push_edges`, `departures`, `backfills`, `timeline_entries`. */
  readonly follows: boolean
  readonly edge: boolean
  readonly departed: 'no' | 'just now' | 'within 25 hours'
  readonly owesBackfill: boolean
  readonly rows: string
  /** A cleanup of rows that an unfollow left to do. */
  readonly owesCleanup: boolean
  readonly followVersion: number
  /** Invalidations of `tl:` and `vw:` that were committed and not carried out yet. */
  readonly owed: { readonly timeline: boolean; readonly viewer: boolean }
  readonly timeline: Timeline | undefined
  readonly viewer: { readonly left: boolean; readonly followVersion: number } | undefined
  /** The request under way, the writes that are still allowed, and what has been acknowledged since the last write began. */
  readonly request: 'none' | 'opened' | 'followed' | 'copied' | 'unfollowed'
  /** Posts that a backfill inside of the follow's own transaction has seen. */
  readonly seen: string
  readonly acknowledged: boolean
  readonly left: { readonly changes: number; readonly crashes: number; readonly days: number; readonly floods: number }
}

interface Timeline {
  readonly entries: string
  readonly truth: number
  /** Filled before the unfollow, or so soon after it that a push from before may still have come. */
  readonly early: boolean
}

interface Post {
  /** `cut` into a chunk with or without this viewer, and pushed, or left as a debt by a worker that died. */
  readonly at: 'new' | 'committed' | 'cut' | 'debt' | 'pushed'
  readonly toViewer: boolean
}

interface Bounds {
  readonly posts: number
  readonly changes: number
  readonly crashes: number
  /** How often 25 hours pass, and how often the viewer leaves more people than `left` may name. */
  readonly days: number
  readonly floods: number
}

const RULES = {
  edgeGoes: 'an unfollow deletes the edge that fan-out reads',
  leftFilters: 'the reader drops entries of whom the viewer has left',
  viewerTold: 'an unfollow invalidates vw: before it is acknowledged',
  fillJoinsFollows: 'a fill takes only the entries of those who are followed now',
  departureOutlives: 'a departure is remembered longer than a timeline lives',
  floodDropsTimeline: 'when departures are too many to name, the timeline is dropped instead',
  floodKeepsNewest: 'and those of the last minute are kept, for pushes that are in the air',
  debtsReadEdges: 'a chunk that is pushed as a debt goes to the edges of now',
  refollowForgets: 'a follow deletes the departure',
  backfillAfterCommit: 'the history is copied in a transaction that starts after the follow has committed',
  backfillDurable: 'the backfill is a row, which a repeated request or another process finishes',
  waitForOther: 'a follow whose backfill another has done carries out what that one still owes before it is acknowledged',
  cleanupLooksAgain: 'a cleanup deletes only where the follow still does not exist',
  timelineTold: 'a follow invalidates tl: before it is acknowledged',
  followVersion: 'a timeline below the follow version of vw: is a miss',
} as const
type Has = (rule: keyof typeof RULES) => boolean

const union = (a: string, b: string): string => [...new Set(a + b)].sort().join('')
const NOTHING_OWED = { timeline: false, viewer: false }

function createModel(bounds: Bounds, has: Has): Model<State> {
  const inTheAir = ({ posts }: State): boolean => posts.some(({ at, toViewer }) => at === 'cut' && toViewer)
  const committed = ({ posts }: State): string => posts.flatMap(({ at }, p) => (at === 'new' ? [] : [String(p + 1)])).join('')
  const timelineNow = ({ rows, follows, followVersion, departed }: State): Timeline => ({
    entries: follows || !has('fillJoinsFollows') ? rows : '',
    truth: followVersion,
    early: departed === 'just now',
  })
  const viewerNow = ({ departed, followVersion }: State) => ({ left: departed !== 'no', followVersion })
  /** Carries out what is owed to L2. */
  const settled = (state: State): State => ({
    ...state,
    timeline: state.owed.timeline ? undefined : state.timeline,
    viewer: state.owed.viewer ? undefined : state.viewer,
    owed: NOTHING_OWED,
  })
  const pushTo = (state: State, id: string): State['timeline'] =>
    state.timeline && { ...state.timeline, entries: union(state.timeline.entries, id) }

  function* fanOut(state: State): Generator<[string, State]> {
    const { posts, left } = state
    for (const [p, { at, toViewer }] of posts.entries()) {
      const id = String(p + 1)
      const become = (post: Partial<Post>, more: Partial<State> = {}): State => ({
        ...state,
        posts: posts.map((one, i) => (i === p ? { ...one, ...post } : one)),
        ...more,
      })
      if (at === 'new' && (p === 0 || posts[p - 1]?.at !== 'new')) yield [`post ${id} commits`, become({ at: 'committed' })]
      if (at === 'committed')
        yield [
          `post ${id} is cut into a chunk ${state.edge ? 'with' : 'without'} the viewer`,
          become({ at: 'cut', toViewer: state.edge }, state.edge ? { rows: union(state.rows, id) } : {}),
        ]
      if (at === 'cut')
        yield [`post ${id} is pushed`, become({ at: 'pushed', toViewer: false }, toViewer ? { timeline: pushTo(state, id) } : {})]
      if (at === 'cut' && left.crashes > 0)
        yield ['the worker dies before the push', become({ at: 'debt' }, { left: { ...left, crashes: left.crashes - 1 } })]
      const goes = has('debtsReadEdges') ? state.edge : toViewer
      if (at === 'debt')
        yield [`post ${id} is pushed as a debt`, become({ at: 'pushed', toViewer: false }, goes ? { timeline: pushTo(state, id) } : {})]
    }
  }

  function* following(state: State): Generator<[string, State]> {
    const { request, left, follows, owesBackfill } = state
    const begins = { acknowledged: false, left: { ...left, changes: left.changes - 1 } }
    const follow = { follows: true, edge: true, departed: has('refollowForgets') ? 'no' : state.departed } as const
    const raised = { followVersion: state.followVersion + 1, owed: { timeline: has('timelineTold'), viewer: true } }
    const backfilled = (copied: string): Partial<State> => ({ ...raised, owesBackfill: false, rows: union(state.rows, copied), seen: '' })
    if (request === 'none' && !follows && left.changes > 0 && has('backfillAfterCommit'))
      yield ['a follow commits', { ...state, ...begins, ...follow, owesBackfill: true, request: 'followed' }]
    if (request === 'none' && !follows && left.changes > 0 && !has('backfillAfterCommit'))
      yield ['a follow copies the history in its own transaction', { ...state, ...begins, request: 'opened', seen: committed(state) }]
    if (request === 'opened') yield ['which commits', { ...state, ...follow, ...backfilled(state.seen), request: 'copied' }]
    if (request === 'followed' && owesBackfill)
      yield ['its history is copied', { ...state, ...backfilled(committed(state)), request: 'copied' }]
    if (owesBackfill) yield ['another process copies its history', { ...state, ...backfilled(committed(state)) }]
    if (request === 'followed' && !owesBackfill)
      yield [
        'another has copied its history: the follow is acknowledged',
        { ...(has('waitForOther') ? settled(state) : state), request: 'none', acknowledged: true },
      ]
    if (request === 'copied') yield ['L2 is told, and the follow acknowledged', { ...settled(state), request: 'none', acknowledged: true }]

    if (request === 'none' && follows && !owesBackfill && left.changes > 0)
      yield [
        'an unfollow commits',
        {
          ...state,
          ...begins,
          follows: false,
          edge: !has('edgeGoes'),
          departed: 'just now',
          owesCleanup: true,
          owed: { ...state.owed, viewer: has('viewerTold') || state.owed.viewer },
          timeline: state.timeline && { ...state.timeline, early: true },
          request: 'unfollowed',
        },
      ]
    if (request === 'unfollowed')
      yield ['L2 is told, and the unfollow acknowledged', { ...settled(state), request: 'none', acknowledged: true }]
    if (state.owesCleanup) {
      const spares = has('cleanupLooksAgain') && follows
      yield [
        `the cleanup ${spares ? 'finds him followed again' : 'deletes the rows'}`,
        { ...state, owesCleanup: false, rows: spares ? state.rows : '' },
      ]
    }

    if (request !== 'none' && left.crashes > 0) {
      const lost = { ...state, left: { ...left, crashes: left.crashes - 1 } }
      if (request === 'opened') yield ['the process dies, the transaction with it', { ...lost, request: 'none', seen: '' }]
      else if (request === 'unfollowed') yield ['its process dies; the client repeats it, which finishes what is owed', lost]
      else if (has('backfillDurable'))
        yield [
          'its process dies; the client repeats it, which finishes what is owed',
          { ...lost, request: owesBackfill ? 'followed' : 'copied' },
        ]
      else
        yield [
          'its process dies; the client repeats it, and is told that it follows',
          { ...lost, owesBackfill: false, request: 'none', acknowledged: true },
        ]
    }
  }

  function* caching(state: State): Generator<[string, State]> {
    const { timeline, viewer, departed, left } = state
    if (timeline) yield ['the timeline ends', { ...state, timeline: undefined }]
    else yield ['the timeline is filled', { ...state, timeline: timelineNow(state) }]
    if (viewer) yield ['vw: ends', { ...state, viewer: undefined }]
    else yield ['vw: is filled', { ...state, viewer: viewerNow(state) }]
    if (departed === 'just now' && !inTheAir(state)) yield ['a minute passes', { ...state, departed: 'within 25 hours' }]
    if (departed === 'within 25 hours' && left.days > 0 && (!timeline?.early || !has('departureOutlives')))
      yield ['25 hours pass', { ...state, departed: 'no', viewer: undefined, left: { ...left, days: left.days - 1 } }]
    if (departed !== 'no' && left.floods > 0 && state.request === 'none')
      yield [
        'the viewer leaves a thousand others, acknowledged',
        {
          ...state,
          departed: departed === 'just now' && has('floodKeepsNewest') ? departed : 'no',
          followVersion: state.followVersion + 1,
          timeline: has('floodDropsTimeline') ? undefined : timeline && { ...timeline, truth: state.followVersion + 1 },
          viewer: undefined,
          left: { ...left, floods: left.floods - 1 },
        },
      ]
  }

  /** What the viewer is shown by a reader who finds these in L2 and loads the rest: worker/feed/read-feed.ts. */
  function shownTo(state: State): ReadonlySet<string> {
    const viewer = state.viewer ?? viewerNow(state)
    const known = state.timeline
    const timeline = known && (known.truth >= viewer.followVersion || !has('followVersion')) ? known : timelineNow(state)
    const list: EntryList = {
      completeSince: '0',
      entries: [...timeline.entries].reverse().map((activityId) => ({ activityId, actorId: 'author', audience: 'public' })),
    }
    const hidden = () => viewer.left && has('leftFilters')
    const walk = createWalk([sourceOf(list)], { anchor: undefined, below: undefined, fold: true, hidden })
    const shown = new Set<string>()
    for (let line = walk.next(); line; line = walk.next()) shown.add(line.entry.activityId)
    return shown
  }

  return {
    start: {
      posts: Array.from({ length: bounds.posts }, () => ({ at: 'new', toViewer: false })),
      follows: true,
      edge: true,
      departed: 'no',
      owesBackfill: false,
      rows: '',
      owesCleanup: false,
      followVersion: 1,
      owed: NOTHING_OWED,
      timeline: undefined,
      viewer: undefined,
      request: 'none',
      seen: '',
      acknowledged: true,
      left: { changes: bounds.changes, crashes: bounds.crashes, days: bounds.days, floods: bounds.floods },
    },
    *steps(state) {
      yield* fanOut(state)
      yield* following(state)
      yield* caching(state)
    },
    broken(state) {
      if (!state.acknowledged) return undefined
      const shown = shownTo(state)
      if (!state.follows) return shown.size > 0 ? 'the unfollow is acknowledged, and the author is still shown' : undefined
      const lost = state.posts.findIndex(({ at }, p) => at === 'pushed' && !shown.has(String(p + 1)))
      return lost === -1 ? undefined : `post ${lost + 1} is delivered, and its follower cannot see it`
    },
  }
}

const SMALL: Bounds = { posts: 1, changes: 1, crashes: 0, days: 0, floods: 0 }

export const FOLLOWS = protocol({
  name: 'follows',
  promise: 'after an acknowledged follow all that is delivered is shown, after an acknowledged unfollow nothing',
  rules: RULES,
  fences: [[['timelineTold', 'followVersion'], { ...SMALL, changes: 2 }]],
  shown: {
    edgeGoes: { ...SMALL, days: 1 },
    leftFilters: SMALL,
    viewerTold: SMALL,
    fillJoinsFollows: { ...SMALL, days: 1 },
    departureOutlives: { ...SMALL, days: 1 },
    floodDropsTimeline: { ...SMALL, floods: 1 },
    floodKeepsNewest: { ...SMALL, floods: 1 },
    debtsReadEdges: { ...SMALL, days: 1, crashes: 1 },
    refollowForgets: { ...SMALL, changes: 2 },
    backfillAfterCommit: { ...SMALL, changes: 2 },
    backfillDurable: { ...SMALL, changes: 2, crashes: 1 },
    waitForOther: { ...SMALL, changes: 2 },
    cleanupLooksAgain: { ...SMALL, changes: 2 },
  },
  quick: {
    'one post, three changes, a crash, 25 hours, a flood of unfollows': { posts: 1, changes: 3, crashes: 1, days: 1, floods: 1 },
  },
  whole: {
    'two posts, four changes, a crash, 25 hours, a flood of unfollows': { posts: 2, changes: 4, crashes: 1, days: 1, floods: 1 },
  },
  model: createModel,
})
