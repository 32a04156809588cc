import type { Held, Key } from '../cache/entry.ts'
import type { Freshness } from '../cache/freshness.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import type { Turn } from '../cache/reader.ts'
import type { Onlooker } from './onlooker.ts'

/** The answer to one key, as far as pages look at it. */
export interface Part<V> extends Pick<Held<V>, 'value' | 'truth'> {
  /** Undefined for what memory answered quietly: that is fresh. */
  readonly freshness?: Freshness
}

/** The answers to keys, in their order. */
export interface Parts {
  /** The answer, or undefined where no layer had one and the load failed. */
  get<V>(key: Key<V>, place: number): Part<V> | undefined
  /** The answer; throws what the load threw where there is none. */
  need<V>(key: Key<V>, place: number): Part<V>
}

/** What a page was made of: every key that was read for it, and what was found. */
export interface Made {
  readonly keys: Key<unknown>[]
  readonly parts: (Part<unknown> | undefined)[]
}

/** A turn of a page: it may want to know afterwards what it was made of. */
export interface FeedTurn extends Turn {
  readonly made?: Made
  /** Who looks; undefined for nobody we know, who is shown what everybody may see. */
  readonly onlooker?: Onlooker
}

/** Reads keys: at once where memory answers all of them quietly, as it mostly does, else by all that the cache can do. */
export function readParts(read: ReadThrough, keys: readonly Key<unknown>[], turn: FeedTurn): Parts | Promise<Parts> {
  const held = read.quiet(keys, turn)
  if (held) {
    if (turn.made) note(turn.made, keys, held)
    // A key's type is what its `decode` makes, so the casts cannot lie.
    const at = <V>(_key: Key<V>, place: number) => held[place] as Held<V>
    return { get: at, need: at }
  }
  return turn.made ? readAndNote(read, keys, turn, turn.made) : read.ask(keys, turn)
}

async function readAndNote(read: ReadThrough, keys: readonly Key<unknown>[], turn: Turn, made: Made): Promise<Parts> {
  const found = await read.ask(keys, turn)
  const parts = keys.map((key) => found.get(key))
  note(made, keys, parts)
  return found
}

/** Notes what was read. */
export function note(made: Made, keys: readonly Key<unknown>[], parts: readonly (Part<unknown> | undefined)[]): void {
  made.keys.push(...keys)
  made.parts.push(...parts)
}
