import type { Held, Key } from '../cache/entry.ts'
import type { CacheEvent } from '../cache/events.ts'
import type { ReadThrough } from '../cache/read-through.ts'
import type { Turn } from '../cache/reader.ts'
import { createMemo } from './memo.ts'
import type { Made, Part } from './parts.ts'

/** A public document, assembled. */
export interface Whole {
  readonly body: Uint8Array<ArrayBuffer>
  readonly tag: string
}

/** Public documents as they were last assembled, with all they were made of. */
export interface WholePages {
  /** The document, if every part of it would be answered from memory just as it was; otherwise nothing was read. */
  find(name: string, turn: Turn): Whole | undefined
  /** Keeps a document of which `made` knows every part. One that was made of anything that is not for everybody is never kept. */
  keep(name: string, whole: Whole, made: Made): void
}

interface Page extends Whole {
  readonly keys: readonly Key<unknown>[]
  readonly parts: readonly Part<unknown>[]
  /** What memory answered when it was last asked for each part: while it still holds just these, they need not be looked up. */
  held: readonly Held<unknown>[] | undefined
  /** What was told then. */
  hits: Extract<CacheEvent, { type: 'hits' }> | undefined
}

/** What whole documents and their parts may take of an isolate's memory (bytes): some two hundred pages of 20 posts. */
const MAX_BYTES = 4 * 1024 * 1024
/** What a document holds on to per part beside its value: a key, what was found of it, a place in two lists (bytes). */
const PART_BYTES = 250

/**
 * Memory decides: a document is as fresh as its parts, which are looked at each time. A part that another one replaced, that must be
 * verified or refreshed, or that a reader's version token asks more of, makes the page be assembled anew.
 */
export function createWholePages(read: Pick<ReadThrough, 'quiet' | 'still'>): WholePages {
  const pages = createMemo<Page>(MAX_BYTES)

  /** Memory answers each part, and it is what the page was made of. */
  function isUnchanged(page: Page, turn: Turn): boolean {
    let told: Extract<CacheEvent, { type: 'hits' }> | undefined
    const observe = (event: CacheEvent) => {
      if (event.type === 'hits') told = event
    }
    const held = read.quiet(page.keys, { ...turn, observe })
    if (!held || !told) return false
    for (let i = 0; i < held.length; i++) {
      const now = held[i]
      const then = page.parts[i]
      if (now?.value !== then?.value || now?.truth !== then?.truth) return false
    }
    page.held = held
    page.hits = told
    return true
  }

  return {
    find(name, turn) {
      const page = pages.get(name)
      if (!page) return undefined
      const isStill = turn.leastTruth === undefined && page.held !== undefined && read.still(page.held)
      if (!isStill && !isUnchanged(page, turn)) return undefined
      if (page.hits) turn.observe(page.hits)
      return page
    },
    keep(name, whole, made) {
      if (!made.keys.every(({ text }) => isForEverybody(text))) return
      const parts = made.parts.filter((part) => part !== undefined)
      if (parts.length < made.parts.length) return
      // Only what was looked at is held on to: an answer may hang on to a whole request.
      const seen = parts.map(({ value, truth }) => ({ value, truth }))
      // Memory holds the same values, but may let go of them before we do.
      const partBytes = seen.reduce((sum, { value }, i) => sum + PART_BYTES + (value === null ? 0 : (made.keys[i]?.sizeOf(value) ?? 0)), 0)
      pages.set(name, { ...whole, keys: made.keys, parts: seen, held: undefined, hits: undefined }, whole.body.length + partBytes)
    },
  }
}

/** Keys whose values anybody may see. */
const FOR_EVERYBODY = /^(?:(?:us|co):\d+|(?:au|po):\d+:public|crowd|pop)$/
const isForEverybody = (key: string): boolean => FOR_EVERYBODY.test(key)
