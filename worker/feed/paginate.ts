import type { Entry } from '../../contract/entry.ts'
import { demand } from './demand.ts'
import type { Candidate, Walk } from './fold.ts'
import type { Hydrate, Line } from './hydrate.ts'
import { isAbove } from './merge.ts'
import type { Older } from './origin-port.ts'
import type { FeedTurn } from './parts.ts'

/** A page before it is written down. */
export interface Lines {
  readonly lines: readonly Line[]
  /** The last activity that was shown, or considered where the page is not full, and more may follow; undefined where the history ends. */
  readonly continuesBelow: string | undefined
  /** The page is short although more may follow: what comes next could not be had in time. */
  readonly isShort: boolean
}

interface Ways {
  /** Down through the caches. */
  readonly walk: Walk
  /** Asks the origin for lines below an id, newest first: what the reader may see and what is not folded. */
  readonly older: (below: string, limit: number) => Promise<Older>
  /** Does the origin know everything that the walk comes by? Only then it may take over before the walk has ended. */
  readonly originKnowsAll: boolean
  /** Where this page starts; undefined on page one. */
  readonly below: string | undefined
}

/** Lines to be hydrated in one turn. */
interface Window {
  readonly candidates: readonly Candidate[]
  /** Where the next window starts, where that is not the last candidate. */
  readonly reached?: string | undefined
  /** Nothing follows. */
  readonly isLast: boolean
}

/** Turns that filter lines of the caches before the origin is asked, which filters by itself. */
const CACHED_TURNS = 4
/** Turns of hydration a page may cost; a page that is short by then says where to go on. */
const MAX_TURNS = 8
/** The most lines hydrated in one turn. */
const MAX_WINDOW = 200

/**
 * Fills a page: hydrates lines in windows, drops what is not to be shown, and refills, first from the caches, then from the origin, so that
 * a page is neither short nor empty while more exists. One line more than asked for is looked for, so that the last page knows that it is
 * the last. Where a refill cannot be had the page is short and says so. Throws a `Problem` only where there is nothing to show.
 */
export async function paginate(
  { walk, older, originKnowsAll, below }: Ways,
  limit: number,
  hydrate: Hydrate,
  turn: FeedTurn,
): Promise<Lines> {
  const shown: Line[] = []
  let considered = below
  let refused: unknown
  let isBeyondWalk = false

  function cachedWindow(size: number): Window {
    const candidates: Candidate[] = []
    for (let next = walk.next(); next; next = candidates.length < size ? walk.next() : undefined) candidates.push(next)
    return { candidates, isLast: walk.ended && walk.exhausted }
  }

  async function olderWindow(size: number): Promise<Window> {
    const from = walk.ended || considered === undefined ? lowerOf(considered, walk.floor) : considered
    const { entries, reached } = await demand(() => older(from, size))
    isBeyondWalk = true
    return {
      candidates: entries.flatMap(joined),
      reached: reached ?? entries.at(-1)?.activityId,
      isLast: reached === undefined && entries.length < size,
    }
  }

  const joined = ({ older: reposts = NONE, ...entry }: Older['entries'][number]): readonly Candidate[] => {
    const candidate = walk.join(entry, reposts)
    return candidate ? [candidate] : []
  }

  async function windowOf(turns: number): Promise<Window> {
    const missing = limit + 1 - shown.length
    const size = Math.min(MAX_WINDOW, (missing + Math.ceil(missing / 8) + 4) * 2 ** turns)
    if (!walk.ended && !isBeyondWalk && (turns < CACHED_TURNS || !originKnowsAll || refused !== undefined)) {
      const window = cachedWindow(size)
      if (window.candidates.length > 0 || window.isLast) return window
    }
    try {
      return await olderWindow(Math.min(MAX_WINDOW, missing + 4))
    } catch (error) {
      if (walk.ended || isBeyondWalk) throw error
      refused = error // the caches still have lines, each of which must be looked at
      return cachedWindow(size)
    }
  }

  for (let turns = 0; turns < MAX_TURNS; turns++) {
    let window: Window
    let lines: readonly (Line | undefined)[]
    try {
      window = await windowOf(turns)
      lines = await demand(() => hydrate(window.candidates, turn))
    } catch (error) {
      refused = error
      break
    }
    for (const [i, { entry }] of window.candidates.entries()) {
      const line = lines[i]
      // From the last line shown, not from the last looked at: what hid a line in between may be gone by the next page.
      if (line && shown.length === limit) return { lines: shown, continuesBelow: shown.at(-1)?.activityId, isShort: false }
      considered = entry.activityId
      if (line) shown.push(line)
    }
    if (window.isLast) return { lines: shown, continuesBelow: undefined, isShort: false }
    considered = window.reached ?? considered
  }
  if (shown.length === 0 && refused !== undefined) throw refused
  const isShort = shown.length < limit
  return { lines: shown, continuesBelow: isShort ? considered : shown.at(-1)?.activityId, isShort }
}

const NONE: readonly Entry[] = []

/** The id that the origin goes on below: what was considered last, or the floor itself inclusive, whichever is lower. */
function lowerOf(considered: string | undefined, floor: string): string {
  const fromFloor = String(BigInt(floor) + 1n)
  return considered !== undefined && isAbove(fromFloor, considered) ? considered : fromFloor
}
