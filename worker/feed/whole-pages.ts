import type { Key } from '../cache/entry.ts'
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
  /** Keeps a document of which `made` knows every part. */
  keep(name: string, whole: Whole, made: Made): void
}

/** What whole documents and their parts may take of an isolate's memory (bytes): some two hundred pages of 20 posts. */
const MAX_BYTES = 4 * 1024 * 1024
/** What a document holds on to per part beside its value: a key, what was found of it, a place in two lists (bytes). */
const PART_BYTES = 250

/**
 * Memory decides: a document is as fresh as its parts, which are looked at each time. A part that another one replaced, that must be
 * verified or refreshed, or that a reader's version token asks more of, makes the page be assembled anew.
 */
export function createWholePages(read: Pick<ReadThrough, 'quiet'>): WholePages {
  const pages = createMemo<Whole & { readonly keys: readonly Key<unknown>[]; readonly parts: readonly Part<unknown>[] }>(MAX_BYTES)
  return {
    find(name, turn) {
      const page = pages.get(name)
      // What was read counts only if it is what the page was made of.
      let told: CacheEvent | undefined
      const observe = (event: CacheEvent) => {
        told = event
      }
      const held = page && read.quiet(page.keys, { ...turn, observe })
      if (!held) return undefined
      for (let i = 0; i < held.length; i++) {
        const now = held[i]
        const then = page.parts[i]
        if (now?.value !== then?.value || now?.truth !== then?.truth) return undefined
      }
      if (told) turn.observe(told)
      return page
    },
    keep(name, whole, made) {
      const parts = made.parts.filter((part) => part !== undefined)
      if (parts.length < made.parts.length) return
      // Only what was looked at is held on to: an answer may hang on to a whole request.
      const seen = parts.map(({ value, truth }) => ({ value, truth }))
      // Memory holds the same values, but may let go of them before we do.
      const partBytes = seen.reduce((sum, { value }, i) => sum + PART_BYTES + (value === null ? 0 : (made.keys[i]?.sizeOf(value) ?? 0)), 0)
      pages.set(name, { ...whole, keys: made.keys, parts: seen }, whole.body.length + partBytes)
    },
  }
}
