import type { Entry } from '../../contract/entry.ts'
import { demand } from './demand.ts'
import { type Hydrate, type Line, standalone } from './hydrate.ts'
import type { Candidate } from './merge.ts'
import type { FeedTurn } from './parts.ts'

/** A page before it is written down. */
export interface Lines {
  readonly lines: readonly Line[]
  /** The last activity that was considered, where more may follow; undefined where the history ends. */
  readonly continuesBelow: string | undefined
}

interface Source {
  /** Candidates from the caches, newest first. */
  readonly cached: Iterator<Candidate, void>
  /** The floor of the caches: below it the origin goes on, unless it is '0'. */
  readonly floor: string
  /** Asks the origin for lines below an id. */
  readonly older: (below: string, limit: number) => Promise<readonly Entry[]>
  /** Where this page starts; undefined on page one. */
  readonly below: string | undefined
}

/** Turns of hydration a page may cost. A page that is short by then says where to go on. */
const MAX_TURNS = 12
/** The most lines hydrated in one turn. */
const MAX_WINDOW = 200

/**
 * Fills a page: hydrates lines in windows, drops what is not to be shown, and refills, so that a page is never short or empty while
 * more exists. One line more than asked for is looked for, so that the last page knows that it is the last.
 * Throws a `Problem` where the origin is needed and cannot be had.
 */
export async function paginate(source: Source, limit: number, hydrate: Hydrate, turn: FeedTurn): Promise<Lines> {
  const shown: Line[] = []
  let considered = source.below
  let cacheEnded = false
  let originEnded = source.floor === '0'

  function cachedWindow(size: number): Candidate[] {
    const candidates: Candidate[] = []
    while (!cacheEnded && candidates.length < size) {
      const next = source.cached.next()
      if (next.done) cacheEnded = true
      else candidates.push(next.value)
    }
    return candidates
  }

  async function olderWindow(size: number): Promise<Candidate[]> {
    if (originEnded) return []
    const older = await demand(() => source.older(lowerOf(considered, source.floor), size))
    if (older.length < size) originEnded = true
    return older.map(standalone)
  }

  for (let turns = 0; shown.length <= limit && turns < MAX_TURNS; turns++) {
    const missing = limit + 1 - shown.length
    const size = Math.min(MAX_WINDOW, missing + Math.ceil(missing / 8) + 4)
    const cached = cachedWindow(size)
    const candidates = cached.length > 0 ? cached : await olderWindow(size)
    if (candidates.length === 0) return { lines: shown, continuesBelow: undefined }
    const lines = await demand(() => hydrate(candidates, turn))
    for (const [i, { entry }] of candidates.entries()) {
      const line = lines[i]
      if (line && shown.length === limit) return { lines: shown, continuesBelow: considered }
      considered = entry.activityId
      if (line) shown.push(line)
    }
    if (cacheEnded && originEnded) return { lines: shown, continuesBelow: undefined }
  }
  return { lines: shown, continuesBelow: considered }
}

/** The id that the origin goes on below: what was considered last, or the floor itself inclusive, whichever is lower. */
function lowerOf(considered: string | undefined, floor: string): string {
  const fromFloor = BigInt(floor) + 1n
  return String(considered !== undefined && BigInt(considered) < fromFloor ? considered : fromFloor)
}
