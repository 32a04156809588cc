import type { Key } from '../cache/entry.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import { type FeedTurn, type Part, type Parts, readParts } from './parts.ts'

/** What a page asks of the cache, each key once, in as few turns as its answers allow. */
export interface Sheet {
  /** Where the answer to a key will stand: it is asked with the next `read`, unless it was before. */
  ask(key: Key<unknown>): number
  /** Puts the questions that are open; undefined where memory has answered them. */
  read(): Promise<void> | undefined
  /** As `Parts`: of what was asked and read. */
  get<V>(key: Key<V>, place: number): Part<V> | undefined
  need<V>(key: Key<V>, place: number): Part<V>
}

export function createSheet(cache: ReadThrough, turn: FeedTurn): Sheet {
  const places = new Map<string, number>()
  let asked: Key<unknown>[] = []
  /** The answers of each turn, and where they begin. */
  const answered: { readonly parts: Parts; readonly from: number }[] = []
  let from = 0

  function put(parts: Parts): void {
    answered.push({ parts, from })
    from += asked.length
    asked = []
  }
  function at(place: number): { readonly parts: Parts; readonly from: number } {
    for (let i = answered.length - 1; i >= 0; i--) {
      const one = answered[i]
      if (one && place >= one.from) return one
    }
    throw new Error('what was not read has no answer')
  }
  return {
    ask(key) {
      const known = places.get(key.text)
      if (known !== undefined) return known
      const place = from + asked.length
      places.set(key.text, place)
      asked.push(key)
      return place
    },
    read() {
      if (asked.length === 0) return undefined
      const parts = readParts(cache, asked, turn)
      if (parts instanceof Promise) return parts.then(put)
      put(parts)
      return undefined
    },
    get(key, place) {
      const { parts, from: first } = at(place)
      return parts.get(key, place - first)
    },
    need(key, place) {
      const { parts, from: first } = at(place)
      return parts.need(key, place - first)
    },
  }
}
