import { mergeDown, type Source, sourceOf } from '../../worker/feed/merge.ts'
import type { Model } from './explore.ts'
import { protocol } from './protocol.ts'

/**
 * Announce, then route: an author who grows, becomes hot, is promoted, shrinks, is demoted and promoted again, and a reader who follows, unfollows, goes
 * dormant and returns, with a timeline in L2 and a copy of `crowd`. Fan-out is one step here: timeline.ts takes it apart, and present.ts that of hot posts.
 * That a timeline's life has passed means that the timeline in L2 was filled after; that 15 s have passed means that the copy of `crowd` was read after.
 */
interface State {
  /** 0 below the candidates' floor, 1 above it, 2 above the threshold of the crowd. */
  readonly size: number
  /** `authors.route` (origin/db/tiers.ts, stepTiers). All but `push` are in `crowd`. */
  readonly route: 'push' | 'announced' | 'pull' | 'demoted'
  readonly hot: boolean
  /** Modes of the committed posts, oldest first: p(ush), h(ot), (pul)l. */
  readonly posts: string
  /** A mode that was read before the post's own transaction. */
  readonly decided: '' | Mode
  /** The reader: follows the author, has the edge fan-out reads, and has had the history copied (backfill or rebuild). */
  readonly reader: 'ready' | 'unfollowed' | 'following' | 'dormant' | 'enrolled' | 'rebuilding'
  readonly rows: string
  /** What the snapshot of a rebuild under way has found. */
  readonly found: string
  readonly timeline: Timeline | undefined
  /** Does the reader's copy of `crowd` name the author? */
  readonly copy: boolean
  readonly left: { readonly follows: number; readonly naps: number; readonly changes: number }
}

type Mode = 'p' | 'h' | 'l'

interface Timeline {
  readonly entries: string
  readonly isCandidate: boolean
  /** Filled before the demotion. */
  readonly old: boolean
}

interface Bounds {
  readonly posts: number
  /** How often the author may grow or shrink, the reader unfollow and follow again, go dormant and return. */
  readonly changes: number
  readonly follows: number
  readonly naps: number
}

const RULES = {
  waitForCandidates: 'an author is announced only when every timeline in L2 names him as a candidate',
  waitForCrowd: 'new posts are pulled only when every older copy of crowd has ended',
  crowdAreCandidates: 'whoever is in crowd is a candidate, big or not',
  modeInTransaction: 'the mode is decided in the transaction of the post',
  fillsLook: 'a fill looks for posts that rows need not hold, unless their author is pulled now',
  goesByPost: 'it goes by the mode of a post, whatever its author is by then',
  stayForATimelinesLife: 'a demoted author stays in crowd until every timeline filled before that has ended',
} as const
type Has = (rule: keyof typeof RULES) => boolean

const idsOf = (posts: string, modes: string): string =>
  [...posts].flatMap((mode, p) => (modes.includes(mode) ? [String(p + 1)] : [])).join('')
const union = (a: string, b: string): string => [...new Set(a + b)].sort().join('')

function createModel(bounds: Bounds, has: Has): Model<State> {
  const hasEdge = ({ reader }: State): boolean => reader !== 'unfollowed' && reader !== 'dormant'
  const inCrowd = ({ route }: State): boolean => route !== 'push'
  /** `inTimelines` of origin/db/rebuilds.ts: what fills look for. */
  function unpushed({ posts, route, hot }: State): string {
    if (route === 'pull' || !has('fillsLook')) return ''
    return idsOf(posts, has('goesByPost') || hot || route !== 'push' ? 'hl' : '')
  }
  const timelineNow = (state: State): Timeline => ({
    entries: union(state.rows, unpushed(state)),
    isCandidate: state.size > 0 || (has('crowdAreCandidates') && inCrowd(state)),
    old: false,
  })

  function committed(state: State, mode: Mode): State {
    const { posts, timeline } = state
    const id = String(posts.length + 1)
    const next: State = { ...state, posts: posts + mode, decided: '' }
    if (mode === 'l' || !hasEdge(state)) return next
    return {
      ...next,
      rows: mode === 'p' ? union(state.rows, id) : state.rows,
      timeline: timeline && { ...timeline, entries: union(timeline.entries, id) },
    }
  }

  function* authorSteps(state: State): Generator<[string, State]> {
    const { size, route, hot, posts, decided, left, timeline } = state
    const change = { left: { ...left, changes: left.changes - 1 } }
    if (left.changes > 0 && size < 2) yield ['the author grows', { ...state, ...change, size: size + 1 }]
    if (left.changes > 0 && size > 0) yield ['the author shrinks', { ...state, ...change, size: size - 1 }]
    if (hot ? size === 0 : size > 0) yield [hot ? 'the author cools' : 'the author becomes hot', { ...state, hot: !hot }]
    const mode = route === 'pull' ? 'l' : hot ? 'h' : 'p'
    const saying = (m: Mode) => ({ p: 'and is pushed', h: 'and is pushed, with no rows', l: 'to be pulled' })[m]
    if (posts.length < bounds.posts && has('modeInTransaction'))
      yield [`post ${posts.length + 1} commits, ${saying(mode)}`, committed(state, mode)]
    if (posts.length < bounds.posts && !has('modeInTransaction') && decided === '')
      yield [`the route is read for post ${posts.length + 1}`, { ...state, decided: mode }]
    if (decided !== '') yield [`post ${posts.length + 1} commits, ${saying(decided)}`, committed(state, decided)]

    if (route === 'push' && size === 2 && (!timeline || timeline.isCandidate || !has('waitForCandidates')))
      yield ['the author is announced in crowd', { ...state, route: 'announced' }]
    if (route === 'announced' && (state.copy || !has('waitForCrowd'))) yield ['new posts are pulled', { ...state, route: 'pull' }]
    if (route === 'pull' && size < 2)
      yield ['the author is demoted', { ...state, route: 'demoted', timeline: timeline && { ...timeline, old: true } }]
    if (route === 'demoted' && size === 2) yield ['the author is announced again while in crowd', { ...state, route: 'announced' }]
    if (route === 'demoted' && (!timeline?.old || !has('stayForATimelinesLife')))
      yield ['the author leaves crowd', { ...state, route: 'push' }]
  }

  /** What a backfill or rebuild writes. */
  const held = (state: State): string => union(idsOf(state.posts, 'p'), unpushed(state))

  function* readerSteps(state: State): Generator<[string, State]> {
    const { reader, rows, timeline, copy, left } = state
    if (copy !== inCrowd(state)) yield ['the copy of crowd is renewed', { ...state, copy: !copy }]
    if (timeline) yield ['the timeline ends', { ...state, timeline: undefined }]
    if (!timeline && reader === 'ready') yield ['the timeline is filled', { ...state, timeline: timelineNow(state) }]
    if (reader === 'ready' && left.follows > 0)
      yield ['the reader unfollows', { ...state, reader: 'unfollowed', left: { ...left, follows: left.follows - 1 } }]
    if (reader === 'unfollowed') yield ['the reader follows again', { ...state, reader: 'following' }]
    if (reader === 'following')
      yield [
        'the history is copied, the timeline dropped',
        { ...state, reader: 'ready', rows: union(rows, held(state)), timeline: undefined },
      ]
    if (reader === 'ready' && left.naps > 0 && !timeline)
      yield ['the reader goes dormant', { ...state, reader: 'dormant', rows: '', left: { ...left, naps: left.naps - 1 } }]
    if (reader === 'dormant') yield ['the reader returns: the edges are written', { ...state, reader: 'enrolled' }]
    if (reader === 'enrolled') yield ['a rebuild begins: its snapshot', { ...state, reader: 'rebuilding', rows: '', found: held(state) }]
    if (reader === 'rebuilding') yield ['the rebuild commits', { ...state, reader: 'ready', rows: union(rows, state.found), found: '' }]
  }

  return {
    start: {
      size: 0,
      route: 'push',
      hot: false,
      posts: '',
      decided: '',
      reader: 'ready',
      rows: '',
      found: '',
      timeline: undefined,
      copy: false,
      left: { follows: bounds.follows, naps: bounds.naps, changes: bounds.changes },
    },
    *steps(state) {
      yield* authorSteps(state)
      yield* readerSteps(state)
    },
    /** What the reader is shown now, from the timeline in L2 or one that is filled now. */
    broken(state) {
      const { reader, posts, copy } = state
      if (reader !== 'ready') return undefined
      const timeline = state.timeline ?? timelineNow(state)
      const sources = [listOf(timeline.entries)]
      if (timeline.isCandidate && copy) sources.push(listOf(idsOf(posts, 'phl')))
      const shown = new Set([...mergeDown(sources)].map(({ activityId }) => activityId))
      const lost = [...posts].findIndex((_, p) => !shown.has(String(p + 1)))
      return lost === -1 ? undefined : `post ${lost + 1} is delivered, and this reader cannot see it`
    },
  }
}

const listOf = (ids: string): Source =>
  sourceOf({ completeSince: '0', entries: [...ids].reverse().map((activityId) => ({ activityId, actorId: '', audience: 'public' })) })

const SMALL: Bounds = { posts: 1, changes: 3, follows: 0, naps: 0 }

export const CROWD = protocol({
  name: 'crowd',
  promise: 'a reader sees every post of an author who grows, shrinks, is promoted and demoted',
  rules: RULES,
  shown: {
    waitForCandidates: SMALL,
    waitForCrowd: SMALL,
    crowdAreCandidates: { ...SMALL, changes: 4 },
    modeInTransaction: SMALL,
    fillsLook: SMALL,
    goesByPost: SMALL,
    stayForATimelinesLife: SMALL,
  },
  quick: {
    'three posts, six changes of size': { posts: 3, changes: 6, follows: 0, naps: 0 },
    'two posts, four changes, a refollow': { posts: 2, changes: 4, follows: 1, naps: 0 },
    'two posts, four changes, a dormant time': { posts: 2, changes: 4, follows: 0, naps: 1 },
  },
  whole: { 'three posts, ten changes, two refollows, two dormant times': { posts: 3, changes: 10, follows: 2, naps: 2 } },
  model: createModel,
})
