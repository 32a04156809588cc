import type { Key } from '../cache/entry.ts'
import type { Found } from '../cache/found.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { type FeedTurn, note, type Part } from './parts.ts'

/** What a page asks of the cache, each key once, in as few turns as its answers allow. */
export interface Sheet {
  /** Where the answer to a key will stand: it is asked with the next `read`, unless it was before. */
  ask(key: Key<unknown>): number
  /** Puts the questions that are open; undefined where memory has answered them. */
  read(): Promise<void> | undefined
  /** The answer, or undefined where no layer had one and the load failed. */
  get<V>(key: Key<V>, place: number): Part<V> | undefined
  /** The answer; throws what the load threw where there is none. */
  need<V>(key: Key<V>, place: number): Part<V>
}

export function createSheet(cache: ReadThrough, turn: FeedTurn): Sheet {
  const places = new Map<string, number>()
  let asked: Key<unknown>[] = []
  let answers: readonly (Part<unknown> | undefined)[] = []
  /** Knows why there is no answer. */
  const found: Found[] = []

  function put(parts: readonly (Part<unknown> | undefined)[]): undefined {
    if (turn.made) note(turn.made, asked, parts)
    answers = answers.length === 0 ? parts : [...answers, ...parts]
    asked = []
  }
  // A key's type is what its `decode` makes, so the casts cannot lie.
  return {
    ask(key) {
      const known = places.get(key.text)
      if (known !== undefined) return known
      const place = answers.length + asked.length
      places.set(key.text, place)
      asked.push(key)
      return place
    },
    read() {
      if (asked.length === 0) return undefined
      const held = cache.quiet(asked, turn)
      if (held) return put(held)
      return cache.ask(asked, turn).then((read) => {
        found.push(read)
        put(asked.map((key) => read.get(key)))
      })
    },
    get: <V>(_key: Key<V>, place: number) => answers[place] as Part<V> | undefined,
    need<V>(key: Key<V>, place: number) {
      const answer = answers[place] as Part<V> | undefined
      if (answer) return answer
      for (const read of found) read.need(key)
      throw new Error(`${key.text} was not read`)
    },
  }
}
