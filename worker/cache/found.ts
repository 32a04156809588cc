import type { Held, Key } from './entry.ts'
import type { Layer } from './events.ts'
import type { Freshness } from './freshness.ts'

/** The answer to one key. */
export interface Answer<V> {
  /** Null where there is nothing. */
  readonly value: V | null
  readonly truth: number
  readonly stamp: number
  readonly layer: Layer
  readonly freshness: Freshness
  /** Shared another reader's work (RFC 9211 `collapsed`). */
  readonly collapsed: boolean
  /** When the read or load that brought the value began (epoch milliseconds). */
  readonly verifiedAtMs: number
  /** The shared tier could not be asked, so the value may be older than memory's max age. */
  readonly unverified: boolean
}

/** The answers of one turn. */
export interface Found {
  /** The answer, or undefined where no layer had one and the load failed. */
  get<V>(key: Key<V>): Answer<V> | undefined
  /** The answer; throws what the load threw where there is none. */
  need<V>(key: Key<V>): Answer<V>
}

/** How an answer came about. */
export type Way = Pick<Answer<unknown>, 'layer' | 'freshness' | 'collapsed' | 'unverified'>

/** The answers of one turn while they come in. */
export interface Gathered extends Found {
  give(key: Key<unknown>, held: Held<unknown>, way: Way): void
  fail(key: Key<unknown>, error: Error): void
}

/** Gathers the answers of one turn. A key's type is what its `decode` makes, so the casts below cannot lie. */
export function createFound(): Gathered {
  const answers = new Map<string, Answer<unknown>>()
  const errors = new Map<string, Error>()
  return {
    give: (key, { value, truth, stamp, verifiedAtMs }, way) => void answers.set(key.text, { value, truth, stamp, verifiedAtMs, ...way }),
    fail: (key, error) => void errors.set(key.text, error),
    get: <V>(key: Key<V>) => answers.get(key.text) as Answer<V> | undefined,
    need<V>(key: Key<V>) {
      const answer = answers.get(key.text)
      if (!answer) throw errors.get(key.text) ?? new Error(`${key.text} was not asked for`)
      return answer as Answer<V>
    },
  }
}
